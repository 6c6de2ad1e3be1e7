// Arrays in safetensors files, in which both sides read their inputs and write their results.
import { writeWhole } from '../../src/byte-sink.js';
import { openTensorFile } from '../../src/checkpoint/open.js';
import { writeSafetensors } from '../../src/checkpoint/safetensors.js';
import { type RawTensor } from '../../src/node.js';
import { createSink, openSource } from '../../src/platform/node.js';

/** Writes float32 and int32 arrays. */
export async function writeTensors(path: string, tensors: Record<string, RawTensor>): Promise<void> {
  const entries = Object.entries(tensors).map(([name, { dtype, shape, data }]) => ({
    name,
    dtype: dtype === 'float32' ? ('F32' as const) : ('I32' as const),
    shape,
    bytes: () => new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  }));
  await writeWhole(await createSink(path), (sink) => writeSafetensors(sink, entries));
}

/** Reads float32 and int32 arrays. */
export async function readTensors(path: string): Promise<Map<string, RawTensor>> {
  const file = await openTensorFile(await openSource(path));
  try {
    const tensors = new Map<string, RawTensor>();
    for (const [name, { dtype, shape }] of file.tensors) {
      const { buffer } = new Uint8Array(await file.readBytes(name));
      tensors.set(
        name,
        dtype === 'I32'
          ? { dtype: 'int32', shape, data: new Int32Array(buffer) }
          : { dtype: 'float32', shape, data: new Float32Array(buffer) },
      );
    }
    return tensors;
  } finally {
    await file.close();
  }
}

/** Batches of a file with tensors `<index>/<input>`, in order. */
export async function readBatches(path: string): Promise<Record<string, RawTensor>[]> {
  const batches: Record<string, RawTensor>[] = [];
  for (const [key, tensor] of await readTensors(path)) {
    const [index = '', name = ''] = key.split('/');
    (batches[Number(index)] ??= {})[name] = tensor;
  }
  return batches;
}
