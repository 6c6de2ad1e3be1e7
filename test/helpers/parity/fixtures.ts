// Reads test/fixtures/parity/*.safetensors and surgery/*.safetensors: PyTorch's results for given weights and inputs. Independent of src/checkpoint.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RgbImage } from '../../../src/pictures/rgb-image.js';
import { type RawTensor } from '../../../src/raw-tensor.js';
import { sizeOf } from '../../../src/shapes.js';
import type { Fixture, FixtureMeta } from './fixture.js';

/** What PyTorch computed, what transformers made of models that it changed, VCR's detector and the region detectors. */
export type FixtureFolder = 'parity' | 'surgery' | 'vcr' | 'vision';

const pathOf = (folder: FixtureFolder): string => join('test', 'fixtures', folder);

/** Names of all cases of a folder, sorted. */
export function fixtureNames(folder: FixtureFolder = 'parity'): string[] {
  return readdirSync(pathOf(folder))
    .filter((file) => file.endsWith('.safetensors'))
    .map((file) => file.slice(0, -'.safetensors'.length))
    .sort();
}

/** Names of the cases that were trained. */
export function trainedNames(): string[] {
  return fixtureNames().filter((name) => readFixture(name).meta.options.training !== undefined);
}

/** One case. */
export function readFixture(name: string, folder: FixtureFolder = 'parity'): Fixture {
  const bytes = readFileSync(join(pathOf(folder), `${name}.safetensors`));
  const headerBytes = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + headerBytes)) as Record<string, unknown>;
  const { case: about } = header['__metadata__'] as { case: string };
  delete header['__metadata__'];
  const start = 8 + headerBytes;
  const tensors = new Map(
    Object.entries(header as Record<string, Entry>).map(([key, entry]) => {
      const [from, to] = entry.data_offsets;
      return [key, toRawTensor(entry, new Uint8Array(bytes.subarray(start + from, start + to)))];
    }),
  );
  return { name, meta: JSON.parse(about) as FixtureMeta, tensors };
}

interface Entry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

function toRawTensor({ dtype, shape }: Entry, bytes: Uint8Array): RawTensor {
  const count = sizeOf(shape);
  switch (dtype) {
    case 'F32':
      return { dtype: 'float32', shape, data: new Float32Array(bytes.buffer, bytes.byteOffset, count) };
    case 'I32':
      return { dtype: 'int32', shape, data: new Int32Array(bytes.buffer, bytes.byteOffset, count) };
    case 'BOOL':
      return { dtype: 'bool', shape, data: bytes };
    default:
      throw new Error(`parity fixtures hold F32, I32 and BOOL, found ${dtype}`);
  }
}

/** The picture that the generator of the detectors' fixtures draws: smooth and sharp parts, by whole numbers. */
export function drawnPicture(width: number, height: number): RgbImage {
  const rgb = new Uint8Array(width * height * 3);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < 3; c++, i++) rgb[i] = (x * (c + 2) * 3 + y * (5 - c) * 2 + ((x >> 3) ^ (y >> 3)) * 16) & 255;
    }
  }
  return { width, height, rgb };
}
