// A detector's network as a recorded graph of the native engine: one run from pixels to outputs, off the event loop.
import { tf } from '#tf';
import type { Precision } from '../../precision.js';
import { compile } from '../../engine/session/compile.js';
import { createState } from '../../engine/session/state.js';
import type { RawTensors } from '../../raw-tensor.js';
import type { DetectorConfig } from './config.js';
import type { DetectorPass, OutputValues } from './detector-pass.js';
import { runDetector } from './forward.js';
import type { DetectorNetwork } from './network.js';

/** Whether the current backend has the kernels that a recording of a detector needs. */
export function canCompileDetector(): boolean {
  return ['RoiPool', 'RoiAlign'].every((kernel) => tf.getKernel(kernel, tf.getBackend()) !== undefined);
}

/**
 * A pass as a graph, recorded once for each shape. It takes over the network and moves its weights into a session.
 * @throws EngineError when the native engine is not installed.
 */
export async function createCompiledPass(
  network: DetectorNetwork,
  config: DetectorConfig,
  precision: Precision,
): Promise<DetectorPass> {
  const variables = new Map<string, tf.Variable>();
  const held = withVariables(network, 'detector', variables);
  const freeVariables = (): void => tf.dispose([...variables.values()]);
  const state = await createState(variables).catch((error: unknown) => {
    freeVariables();
    throw error;
  });
  const detect = compile(
    ({ pictures, sizes, size }) =>
      runDetector(pictures as tf.Tensor4D, sizes as tf.Tensor2D, held, config, size as tf.Tensor1D),
    { state, precision, name: 'detector' },
  );
  return {
    shapes: 'few',
    run: async ({ shape, pixels, size, sizes }) =>
      valuesOf(
        await detect({
          pictures: { dtype: 'float32', shape, data: pixels },
          sizes: { dtype: 'float32', shape: [shape[0], 2], data: sizes },
          size: { dtype: 'int32', shape: [2], data: Int32Array.from(size) },
        }),
      ),
    dispose: async () => {
      await state.dispose();
      freeVariables();
    },
  };
}

/** The network with each tensor replaced by a variable; the tensors are disposed. */
function withVariables<T>(value: T, path: string, variables: Map<string, tf.Variable>): T {
  if (value instanceof tf.Tensor) {
    const variable = tf.variable(value, false);
    value.dispose();
    variables.set(path, variable);
    return variable as unknown as T;
  }
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, part]: [string, unknown]): [string, unknown] => [
    key,
    withVariables(part, `${path}.${key}`, variables),
  ]);
  return (Array.isArray(value) ? entries.map(([, part]) => part) : Object.fromEntries(entries)) as T;
}

function valuesOf(outputs: RawTensors): OutputValues {
  return Object.fromEntries(Object.entries(outputs).map(([name, { data }]) => [name, data])) as unknown as OutputValues;
}
