// Sparse checkpoints of any size that occupy no disk space: the cost of inspecting one must not depend on its tensors.
import { mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ByteSink, writeWhole } from '../../src/byte-sink.js';
import { writePytorch } from '../../src/checkpoint/pytorch-writer.js';
import { type TensorToWrite, writeSafetensors } from '../../src/checkpoint/safetensors.js';
import { VisualBertConfig } from '../../src/config/config.js';
import { parameterShapes } from '../../src/models/model-classes.js';
import { sizeOf } from '../../src/shapes.js';

/** Number of layers of base size that have 10 GB. */
const LAYERS = 350;
const SHARD_BYTES = 1e9;

export interface SparseCheckpoint {
  /** The folder, or the file. */
  path: string;
  tensors: number;
  bytes: number;
}

/** A VisualBERT for questions of 10 GB, all zeros: safetensors in shards with an index, or one torch.save archive. */
export async function writeSparseCheckpoint(
  folder: string,
  format: 'safetensors' | 'pytorch',
): Promise<SparseCheckpoint> {
  await mkdir(folder, { recursive: true });
  const config = new VisualBertConfig({ numHiddenLayers: LAYERS, visualEmbeddingDim: 2048, numLabels: 3129 });
  const shapes = [...parameterShapes('VisualBertForQuestionAnswering', config)];
  const zeros = new Uint8Array(4 * Math.max(...shapes.map(([, shape]) => sizeOf(shape))));
  const tensors = shapes.map(([name, shape]): TensorToWrite => ({
    name,
    shape,
    dtype: 'F32',
    bytes: () => zeros.subarray(0, 4 * sizeOf(shape)),
  }));
  const bytes = 4 * shapes.reduce((total, [, shape]) => total + sizeOf(shape), 0);
  const described = { tensors: tensors.length, bytes };
  if (format === 'pytorch') {
    const path = join(folder, 'pytorch_model.bin');
    await writeWhole(await createSparseSink(path, zeros), (sink) => writePytorch(sink, tensors));
    return { path, ...described };
  }
  const shards: TensorToWrite[][] = [[]];
  let remaining = SHARD_BYTES;
  for (const tensor of tensors) {
    const size = 4 * sizeOf(tensor.shape);
    if (size > remaining) {
      shards.push([]);
      remaining = SHARD_BYTES;
    }
    shards.at(-1)?.push(tensor);
    remaining -= size;
  }
  const weights: Record<string, string> = {};
  for (const [i, shard] of shards.entries()) {
    const file = `model-${String(i + 1).padStart(5, '0')}-of-${String(shards.length).padStart(5, '0')}.safetensors`;
    await writeWhole(await createSparseSink(join(folder, file), zeros), (sink) => writeSafetensors(sink, shard));
    for (const { name } of shard) weights[name] = file;
  }
  const index = { metadata: { total_size: bytes }, weight_map: weights };
  await writeFile(join(folder, 'model.safetensors.index.json'), JSON.stringify(index));
  await writeFile(join(folder, 'config.json'), JSON.stringify(config.toJSON()));
  return { path: folder, ...described };
}

/** Leaves a sparse region instead of writing `zeros`. */
async function createSparseSink(path: string, zeros: Uint8Array): Promise<ByteSink> {
  const handle = await open(path, 'w');
  let at = 0;
  return {
    name: path,
    write: async (bytes) => {
      if (bytes.buffer !== zeros.buffer) await handle.write(bytes, 0, bytes.byteLength, at);
      at += bytes.byteLength;
    },
    close: async () => {
      await handle.truncate(at);
      await handle.close();
    },
    abort: () => handle.close(),
  };
}
