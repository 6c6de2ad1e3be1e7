// Moves the values of tfjs variables into a session, and frees the arrays that they leave: a model is never in memory twice.
import { collectGarbage } from '../load/collect-garbage.js';
import { TF_DTYPE, type GraphAddon, type NativeArray } from '../load/addon.js';
import { typedArray } from '../recording/tensorflow-values.js';
import type { StateVariable } from './state-variable.js';
import type { Resource } from './variable-access.js';

/** Bytes that enter the session in one run: bounds what moving a model costs beside the model. */
const MOVE_BYTES = 32 << 20;

type Value = readonly [StateVariable, NativeArray];

interface Destination {
  /** Frees the tfjs variable's own array: from now on it stands for the value in the session. */
  release: (variable: StateVariable) => void;
  /** Makes resources known to the session and writes values. */
  enter: (resources: readonly Resource[], values: readonly Value[]) => Promise<void>;
}

/** All resources enter with the first batch, the values a bounded number of bytes at a time. */
export async function moveIn(
  variables: readonly StateVariable[],
  addon: Pick<GraphAddon, 'returnMemory'>,
  { release, enter }: Destination,
): Promise<void> {
  let unknown = variables.flatMap(({ resources }) => resources);
  let batch: Value[] = [];
  let bytes = 0;
  let isLarge = false;
  const flush = async (): Promise<void> => {
    const [values, resources] = [batch, unknown];
    isLarge ||= bytes >= MOVE_BYTES;
    [batch, bytes, unknown] = [[], 0, []];
    await enter(resources, values);
    if (!isLarge) return;
    collectGarbage();
    addon.returnMemory();
  };
  for (const variable of variables) {
    const { dtype, shape } = variable;
    const data = typedArray(variable.tfVariable.dataSync(), dtype);
    release(variable);
    batch.push([variable, { dtype: TF_DTYPE[dtype], shape, data }]);
    bytes += data.byteLength;
    if (bytes >= MOVE_BYTES) await flush();
  }
  await flush();
}
