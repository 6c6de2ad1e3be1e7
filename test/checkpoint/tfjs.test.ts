// TensorFlow.js's web format: plain tfjs reads what we write, and we read what it describes.
import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { type MemorySink, memorySink } from '../../src/byte-sink.js';
import { bytesSource } from '../../src/byte-source.js';
import { openTensorFile } from '../../src/checkpoint/open.js';
import type { TensorFile } from '../../src/checkpoint/tensor-file.js';
import { openTfjs } from '../../src/checkpoint/tfjs-reader.js';
import { type WebQuantization, writeTfjs } from '../../src/checkpoint/tfjs-writer.js';
import { CheckpointError } from '../../src/errors.js';

const FOLDER = 'test/fixtures/checkpoints';

interface Written {
  original: TensorFile;
  files: Map<string, MemorySink>;
  text: string;
}

async function write(quantization?: WebQuantization): Promise<Written> {
  const original = await openTensorFile(bytesSource(readFileSync(`${FOLDER}/tiny-vqa/model.safetensors`), 'original'));
  const files = new Map<string, MemorySink>();
  const tensors = [...original.tensors.values()].map(({ name, dtype, shape }) => ({
    name,
    dtype,
    shape,
    bytes: () => original.readBytes(name),
  }));
  const names = await writeTfjs(
    async (file) => {
      const sink = memorySink(file);
      files.set(file, sink);
      return sink;
    },
    tensors,
    { shardBytes: 1000, ...(quantization !== undefined && { quantization }) },
  );
  expect(names).toEqual([...files.keys()]);
  return { original, files, text: new TextDecoder().decode(files.get('model.json')?.bytes()) };
}

function open({ files, text }: Pick<Written, 'files' | 'text'>): Promise<TensorFile> {
  return openTfjs(text, 'model.json', async (file) => bytesSource(files.get(file)?.bytes() ?? new Uint8Array(), file));
}

async function largestError(a: TensorFile, b: TensorFile, names: Iterable<string>): Promise<number> {
  let largest = 0;
  for (const name of names) {
    const [x, y] = [await a.readFloat32(name), await b.readFloat32(name)];
    x.forEach((value, i) => (largest = Math.max(largest, Math.abs(value - (y[i] ?? NaN)))));
  }
  return largest;
}

describe('writeTfjs', () => {
  test('round trips float32 without a changed bit, in shards of the size asked for', async () => {
    const written = await write();
    const copy = await open(written);
    expect([...copy.tensors.keys()].sort()).toEqual([...written.original.tensors.keys()].sort());
    for (const name of copy.tensors.keys())
      expect(await copy.readBytes(name)).toEqual(await written.original.readBytes(name));
    const sizes = [...written.files.values()].map((sink) => sink.bytes().byteLength).slice(0, -2);
    expect(new Set(sizes)).toEqual(new Set([1000]));
  });

  test.each([undefined, 'float16', 'uint8'] as const)(
    'is read by plain tfjs with the same values, quantization %s',
    async (quantization) => {
      const written = await write(quantization);
      const { weightsManifest } = JSON.parse(written.text) as { weightsManifest: tf.io.WeightsManifestConfig };
      const [group] = weightsManifest;
      const data = Buffer.concat(
        (group?.paths ?? []).map((path) => written.files.get(path)?.bytes() ?? new Uint8Array()),
      );
      const decoded = tf.io.decodeWeights(new Uint8Array(data).buffer, group?.weights ?? []);
      const copy = await open(written);
      for (const [name, tensor] of Object.entries(decoded)) {
        expect(tensor.shape).toEqual(copy.tensors.get(name)?.shape);
        expect([name, await copy.readFloat32(name)]).toEqual([name, Float32Array.from(tensor.dataSync())]);
      }
    },
  );

  test('stays within half a step of the original with 8 bits, and keeps vectors exact', async () => {
    const written = await write('uint8');
    const copy = await open(written);
    const tensors = [...written.original.tensors.values()];
    const vectors = tensors.filter(({ shape }) => shape.length === 1).map(({ name }) => name);
    expect(await largestError(copy, written.original, vectors)).toBe(0);
    for (const { name, shape } of tensors) {
      if (shape.length === 1) continue;
      const values = await written.original.readFloat32(name);
      const step = (Math.max(...values) - Math.min(...values)) / 255;
      expect(await largestError(copy, written.original, [name])).toBeLessThan(step); // half a step, and half more where 0 was moved onto one
    }
    const bytes = (map: Map<string, MemorySink>): number =>
      [...map].reduce((total, [file, sink]) => total + (file.endsWith('.bin') ? sink.bytes().byteLength : 0), 0);
    expect(bytes(written.files)).toBeLessThan(bytes((await write()).files) / 2);
  });
});

describe('openTfjs', () => {
  test('reads 16-bit steps', async () => {
    const weights = [
      { name: 'w', shape: [3], dtype: 'float32', quantization: { dtype: 'uint16', scale: 0.5, min: -1 } },
    ];
    const text = JSON.stringify({ weightsManifest: [{ paths: ['a.bin'], weights }] });
    const file = await openTfjs(text, 'model.json', async (name) =>
      bytesSource(new Uint8Array(Uint16Array.of(0, 1, 65535).buffer), name),
    );
    expect(await file.readFloat32('w')).toEqual(Float32Array.of(-1, -0.5, 65535 / 2 - 1));
    expect(file.tensors.get('w')?.dtype).toBe('F32');
  });

  test('refuses malformed manifests, shards that are cut off, and dtypes without numbers', async () => {
    const { files, text } = await write();
    const refused = async (changed: string, reason: RegExp): Promise<void> => {
      const error = await open({ files, text: changed }).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(CheckpointError);
      expect((error as Error).message).toMatch(reason);
    };
    await refused('{', /model\.json: is not JSON/);
    await refused('{"nodes": []}', /has no weightsManifest/);
    await refused(text.replace('group1-shard1of', '../group1-shard1of'), /expected the shards to be file names/);
    await refused(text.replace('"float32"', '"string"'), /has dtype string; expected numbers/);
    await refused(text.replace(/"shape":\[\d+/, '"shape":[99'), /hold \d+ bytes, the manifest says/);
    await refused(text.replace(/"shape":\[\d+/, '"shape":[-1'), /lists weights without name, shape or dtype/);
    files.set('group1-shard1of8.bin', memorySink('short'));
    for (const name of [...files.keys()].filter((key) => key.endsWith('.bin')).slice(0, 1))
      files.set(name, memorySink('short'));
    await refused(text, /some are missing or cut off/);
  });
});
