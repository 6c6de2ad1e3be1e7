// The start of a run over several workers: copies the variables and counts of worker 0 to all, with a checksum to verify them.
import { tf } from '#tf';
import { crc32 } from '../../formats/zip/crc32.js';
import { type ReadTensor } from '../../raw-tensor.js';
import { type TensorFunction } from '../../inference/runner.js';
import { sumOverWorkers } from './update/worker-sums.js';
import { type WorkerGroup } from './worker-group.js';

/** A function that sets every variable, and its input `counts`, to the values of worker 0: a sum to which the others add zeros. */
export function createBroadcast(variables: ReadonlyMap<string, tf.Variable>, group: WorkerGroup): TensorFunction {
  const isFirst = group.server.worker === 0;
  const ofFirst = (x: tf.Tensor, name: string): tf.Tensor =>
    sumOverWorkers(isFirst ? x : tf.zerosLike(x), `broadcast ${name}`, group);
  return ({ counts }) => {
    for (const [name, variable] of variables) variable.assign(ofFirst(variable, name));
    return { counts: ofFirst(counts as tf.Tensor, 'counts') };
  };
}

/** An order-independent checksum of variables. */
export async function checksumOf(names: readonly string[], read: ReadTensor): Promise<string> {
  const sums = new Uint32Array(names.length);
  for (const [i, name] of [...names].sort().entries()) {
    const { data } = await read(name);
    sums[i] = crc32(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return crc32(new Uint8Array(sums.buffer)).toString(16).padStart(8, '0');
}
