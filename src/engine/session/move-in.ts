// The initial values of a session's variables: moved from tfjs variables or read from elsewhere, so that a model is never in memory twice.
import { setImmediate } from 'node:timers/promises';
import { EngineError, errorMessage } from '../../errors.js';
import { collectGarbage } from '../load/collect-garbage.js';
import { TF_DTYPE, type GraphAddon, type NativeArray } from '../load/addon.js';
import { requireValues } from './checks.js';
import { typedArray } from '../recording/tensorflow-values.js';
import type { FloatsInFile } from '../../raw-tensor.js';
import type { StateVariable } from './state-variable.js';
import type { FileArray } from './variable-access.js';

/** Bytes moved between two garbage collections: bounds the extra memory of moving a model. */
const COLLECTED_BYTES = 32 << 20;

/** Writes a value; an array is copied before this returns. */
type Write<Value> = (variable: StateVariable, value: Value) => Promise<void>;
/** Frees the tfjs variable's own array: from then on the variable refers to the value in the session. */
type Release = (variable: StateVariable) => void;

/** Moves the values of tfjs variables into the session, and frees their arrays. */
export async function moveIn(
  variables: readonly StateVariable[],
  addon: Pick<GraphAddon, 'returnMemory'>,
  write: Write<NativeArray>,
  release: Release,
): Promise<void> {
  let bytes = 0;
  for (const variable of variables) {
    bytes += await moveOne(variable, write, release);
    if (bytes < COLLECTED_BYTES) continue;
    bytes = 0;
    freeMemory(addon);
  }
}

/** Returns the bytes moved. A separate function, so that nothing refers to the array when garbage is collected. */
async function moveOne(variable: StateVariable, write: Write<NativeArray>, release: Release): Promise<number> {
  const data = typedArray(variable.tfVariable.dataSync(), variable.dtype);
  release(variable);
  await write(variable, native(variable, data));
  return data.byteLength;
}

/** Reads the values of variables that have none. While one is written, the next is read. */
export async function fillIn(
  variables: readonly StateVariable[],
  addon: Pick<GraphAddon, 'returnMemory'>,
  values: (name: string) => Promise<Float32Array | FloatsInFile>,
  write: Write<NativeArray | FileArray>,
): Promise<void> {
  let [written, bytes] = [Promise.resolve(), 0];
  const fillOne = async (variable: StateVariable): Promise<number> => {
    const found = await values(variable.name);
    requireValues(variable, found);
    const value =
      'descriptor' in found ? { ...found, shape: variable.shape } : native(variable, typedArray(found, variable.dtype));
    await written;
    written = write(variable, value).catch((error: unknown) => {
      throw new EngineError(`The values of "${variable.name}" cannot be read: ${errorMessage(error)}`, {
        cause: error,
      });
    });
    written.catch(() => undefined); // reported when the next one is written
    return 'data' in value ? value.data.byteLength : 0;
  };
  try {
    for (const variable of variables) {
      const length = await fillOne(variable);
      bytes += length;
      if (length < COLLECTED_BYTES) continue;
      await written;
      await setImmediate(); // until then the callback of the run refers to the array
      collectGarbage();
    }
  } finally {
    await written;
  }
  if (bytes >= COLLECTED_BYTES) freeMemory(addon);
}

/** Returns unreachable memory to the system. */
function freeMemory(addon: Pick<GraphAddon, 'returnMemory'>): void {
  collectGarbage();
  addon.returnMemory();
}

function native({ dtype, shape }: StateVariable, data: NativeArray['data']): NativeArray {
  return { dtype: TF_DTYPE[dtype], shape, data };
}
