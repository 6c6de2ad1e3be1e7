// ExampleOutputs real PyTorch and safetensors files: values equal PyTorch's.
import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { bytesSource } from '../../src/byte-source.js';
import { openTensorFile } from '../../src/checkpoint/open.js';
import type { TensorFile } from '../../src/checkpoint/tensor-file.js';
import { openFile } from '../../src/platform/files.js';

interface Expected {
  dtype: string;
  shape: number[];
  values: string[];
}

const FOLDER = 'test/fixtures/checkpoints';
const expected = JSON.parse(readFileSync(`${FOLDER}/varied.json`, 'utf8')) as Record<string, Expected>;
const DTYPES: Record<string, string> = {
  float64: 'F64',
  float32: 'F32',
  float16: 'F16',
  bfloat16: 'BF16',
  int64: 'I64',
  int32: 'I32',
  int16: 'I16',
  int8: 'I8',
  uint8: 'U8',
  bool: 'BOOL',
};

function open(name: string): Promise<TensorFile> {
  return openTensorFile(bytesSource(readFileSync(`${FOLDER}/${name}`), name));
}

function numbers(texts: string[]): number[] {
  return texts.map((text) => (text === 'inf' ? Infinity : text === '-inf' ? -Infinity : Number(text)));
}

describe.each([
  ['varied.bin', 'pytorch', {}],
  ['varied-legacy.th', 'pytorch-legacy', {}],
  ['wrapped.pt', 'pytorch', { path: 'model', ignored: 'optimizer.state.0' }],
  ['wrapped-legacy.th', 'pytorch-legacy', { path: 'model', ignored: 'optimizer.state.0' }],
  ['varied.safetensors', 'safetensors', { format: 'pt' }],
])('openTensorFile of %s', (name, format, metadata) => {
  test('lists every tensor with dtype and shape, and names what else the file contains', async () => {
    const file = await open(name);
    expect(file.format).toBe(format);
    expect(file.metadata).toEqual(metadata);
    const seen = Object.fromEntries([...file.tensors.values()].map((t) => [t.name, [t.dtype, t.shape]]));
    expect(seen).toEqual(
      Object.fromEntries(Object.entries(expected).map(([key, t]) => [key, [DTYPES[t.dtype], t.shape]])),
    );
  });

  test.each(Object.keys(expected))('reads %s as float32 values, into a new array and into a given one', async (key) => {
    const file = await open(name);
    const want = Float32Array.from(numbers(expected[key]?.values ?? []));
    expect(await file.readFloat32(key)).toEqual(want);
    const target = new Float32Array(want.length + 2).subarray(1, want.length + 1);
    expect(await file.readFloat32(key, target)).toEqual(want);
  });
});

describe('openTensorFile', () => {
  test.each(['varied.safetensors', 'varied.bin'])('knows where float32 values lie in %s', async (name) => {
    const file = await openTensorFile(await openFile(`${FOLDER}/${name}`));
    const bytes = readFileSync(`${FOLDER}/${name}`);
    let found = 0;
    for (const { name: key, dtype } of file.tensors.values()) {
      const location = file.floatsInFile?.(key) ?? null;
      if (dtype !== 'F32') expect(location).toBeNull();
      if (location === null) continue; // views have no location
      found++;
      const want = await file.readFloat32(key);
      const stored = Uint8Array.from(bytes.subarray(location.offset, location.offset + want.byteLength));
      expect(new Float32Array(stored.buffer)).toEqual(want);
    }
    expect(found).toBeGreaterThan(0);
    await file.close();
    expect((await open(name)).floatsInFile?.([...file.tensors.keys()][0] ?? '')).toBeNull(); // bytes in memory
  });

  test('gives bytes of views in row-major order and the stored dtype', async () => {
    for (const key of ['half.view', 'int64', 'transposed', 'bool']) {
      const [a, b] = [
        await (await open('varied.bin')).readBytes(key),
        await (await open('varied.safetensors')).readBytes(key),
      ];
      expect([key, [...a]]).toEqual([key, [...b]]);
    }
  });

  test('tells tied tensors by their location', async () => {
    const { tensors } = await open('varied.bin');
    expect(tensors.get('tied.first')?.location).toBe(tensors.get('tied.second')?.location);
    expect(tensors.get('plain')?.location).not.toBe(tensors.get('parameter')?.location);
  });

  test('names a tensor that is not there, and a target of another length', async () => {
    const file = await open('varied.bin');
    await expect(file.readFloat32('nothing')).rejects.toThrow('varied.bin: tensor "nothing" is not in the file');
    await expect(file.readFloat32('plain', new Float32Array(5))).rejects.toThrow('has 6 elements, the target array 5');
  });
});
