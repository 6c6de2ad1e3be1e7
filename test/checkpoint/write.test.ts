// Writing checkpoints: the same bytes as the reference, and exact round trips.
import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { crc32 as zlibCrc32 } from 'node:zlib';
import { memorySink } from '../../src/byte-sink.js';
import { bytesSource } from '../../src/byte-source.js';
import { crc32, tableCrc32 } from '../../src/formats/zip/crc32.js';
import { fromFloat32 } from '../../src/stored-dtype.js';
import { openTensorFile } from '../../src/checkpoint/open.js';
import { writePytorch } from '../../src/checkpoint/pytorch-writer.js';
import { type TensorToWrite, writeSafetensors } from '../../src/checkpoint/safetensors.js';
import type { TensorFile } from '../../src/checkpoint/tensor-file.js';

const FOLDER = 'test/fixtures/checkpoints';

function open(name: string): Promise<TensorFile> {
  return openTensorFile(bytesSource(readFileSync(`${FOLDER}/${name}`), name));
}

function copies(file: TensorFile): TensorToWrite[] {
  return [...file.tensors.values()].map(({ name, dtype, shape }) => ({
    name,
    dtype,
    shape,
    bytes: () => file.readBytes(name),
  }));
}

describe('writeSafetensors', () => {
  test('gives the bytes of the reference implementation', async () => {
    const sink = memorySink('copy');
    await writeSafetensors(sink, copies(await open('varied.bin')));
    expect(Buffer.from(sink.bytes()).equals(readFileSync(`${FOLDER}/varied.safetensors`))).toBe(true);
  });

  test('leaves tied tensors out', async () => {
    const sink = memorySink('copy');
    const tensor = { dtype: 'F32' as const, shape: [1], bytes: () => new Uint8Array(4) };
    await writeSafetensors(sink, [
      { name: 'a', ...tensor },
      { name: 'b', tiedTo: 'a', ...tensor },
    ]);
    expect([...(await openTensorFile(bytesSource(sink.bytes(), 'x'))).tensors.keys()]).toEqual(['a']);
  });

  test('refuses bytes that do not fit the shape', async () => {
    const tensor = { name: 'a', dtype: 'F32' as const, shape: [2], bytes: () => new Uint8Array(4) };
    await expect(writeSafetensors(memorySink('x'), [tensor])).rejects.toThrow(
      'x: tensor "a" [2] F32 takes 8 bytes, received 4',
    );
    await expect(writePytorch(memorySink('x'), [tensor])).rejects.toThrow('takes 8 bytes, received 4');
  });
});

describe('writePytorch', () => {
  test('round trips every dtype bit for bit and keeps ties', async () => {
    const file = await open('varied.bin');
    const sink = memorySink('copy');
    const list = copies(file).map((t) => (t.name === 'tied.second' ? { ...t, tiedTo: 'tied.first' } : t));
    await writePytorch(sink, list);
    const copy = await openTensorFile(bytesSource(sink.bytes(), 'copy'));
    expect([...copy.tensors.keys()]).toEqual([...file.tensors.keys()]);
    for (const { name, dtype, shape } of file.tensors.values()) {
      expect(copy.tensors.get(name)).toMatchObject({ dtype, shape });
      expect([name, await copy.readBytes(name)]).toEqual([name, await file.readBytes(name)]);
    }
    expect(copy.tensors.get('tied.first')?.location).toBe(copy.tensors.get('tied.second')?.location);
  });

  test('aligns every tensor to 64 bytes, so that it can be mapped', async () => {
    const sink = memorySink('copy');
    await writePytorch(sink, copies(await open('varied.safetensors')));
    const copy = await openTensorFile(bytesSource(sink.bytes(), 'copy'));
    const positions = [...copy.tensors.values()].map((t) => Number(t.location.split(':')[0]) % 64);
    expect(new Set(positions)).toEqual(new Set([0]));
  });

  test('refuses a tensor tied to one that does not come before it', async () => {
    const tensor = { name: 'a', dtype: 'F32' as const, shape: [1], bytes: () => new Uint8Array(4), tiedTo: 'b' };
    await expect(writePytorch(memorySink('x'), [tensor])).rejects.toThrow('"a" is tied to "b"');
  });
});

describe('fromFloat32', () => {
  test.each([
    ['F16', 'float16'],
    ['BF16', 'bfloat16'],
  ] as const)('rounds to %s as PyTorch does', async (dtype, key) => {
    const file = await open('rounding.safetensors');
    expect([...fromFloat32(dtype, await file.readFloat32('float32'))]).toEqual([...(await file.readBytes(key))]);
  });

  test('keeps NaN', () => {
    for (const dtype of ['F16', 'BF16'] as const) {
      const [low, high] = fromFloat32(dtype, Float32Array.of(NaN));
      const bits = ((high as number) << 8) | (low as number);
      const exponent = dtype === 'F16' ? 0x7c00 : 0x7f80;
      expect([bits & exponent, (bits & ~exponent & 0x7fff) > 0]).toEqual([exponent, true]);
    }
  });
});

test('crc32 equals zlib for every alignment and length', () => {
  const bytes = Uint8Array.from({ length: 100 }, (_, i) => (i * 151) & 0xff);
  for (let start = 0; start < 9; start++) {
    for (let end = start; end < 40; end++) {
      const [part, expected] = [bytes.subarray(start, end), zlibCrc32(bytes.subarray(start, end))];
      expect([tableCrc32(part), crc32(part)]).toEqual([expected, expected]);
    }
  }
});
