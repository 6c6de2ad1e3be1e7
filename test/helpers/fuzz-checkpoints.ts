// Mutates valid checkpoint files and checks that reading them either works or ends in a CheckpointError, soon and in little memory.
import { readFileSync } from 'node:fs';
import { bytesSource } from '../../src/byte-source.js';
import { openTensorFile } from '../../src/checkpoint/open.js';
import { CheckpointError } from '../../src/errors.js';
import { sizeOf } from '../../src/shapes.js';

const FILES = [
  'varied.bin',
  'varied-legacy.th',
  'wrapped.pt',
  'varied.safetensors',
  'authors-vqa.th',
  'tiny-vqa/model.safetensors',
];

/** What no mutated file of a few KB may cost; the time is that of a hang, not of a busy machine. */
const LIMIT_MS = 20_000;
const LIMIT_BYTES = 512 << 20;

/** Integers at which sizes and offsets break. */
const EDGES = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];

/** mulberry32: small and reproducible. */
function generator(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

function mutated(original: Uint8Array, random: (below: number) => number): Uint8Array {
  let bytes = original.slice();
  for (let changes = 1 + random(4); changes > 0; changes--) {
    const at = random(bytes.length);
    switch (random(7)) {
      case 0:
        bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8));
        break;
      case 1:
        bytes[at] = random(256);
        break;
      case 2:
        new DataView(bytes.buffer).setUint32(Math.min(at, bytes.length - 4), EDGES[random(EDGES.length)] ?? 0, true);
        break;
      case 3:
        bytes = bytes.slice(0, Math.max(8, at));
        break;
      case 4:
        bytes.copyWithin(at, random(bytes.length), random(bytes.length));
        break;
      case 5:
        bytes = Uint8Array.from([
          ...bytes.subarray(0, at),
          ...bytes.subarray(at, at + random(64)),
          ...bytes.subarray(at),
        ]);
        break;
      default:
        bytes.fill(random(256), at, at + random(32));
    }
  }
  return bytes;
}

/** Runs cases `from` to `from + count - 1`. Returns how many files were read and how many refused. @throws Error naming the first case that went wrong. */
export async function fuzzCheckpoints(from: number, count: number): Promise<{ read: number; refused: number }> {
  const originals = FILES.map((name) => new Uint8Array(readFileSync(`test/fixtures/checkpoints/${name}`)));
  const outcome = { read: 0, refused: 0 };
  for (let seed = from; seed < from + count; seed++) {
    const random = generator(seed);
    const index = random(originals.length);
    const bytes = mutated(originals[index] as Uint8Array, random);
    const start = performance.now();
    try {
      const file = await openTensorFile(bytesSource(bytes, `case ${seed}`));
      for (const { name, shape } of file.tensors.values()) {
        if (sizeOf(shape) * 4 > LIMIT_BYTES) throw new Error(`${name} claims ${sizeOf(shape)} elements`);
        await file.readFloat32(name);
      }
      outcome.read++;
    } catch (error) {
      if (!(error instanceof CheckpointError))
        throw new Error(`case ${seed} of ${FILES[index]}: ${String((error as Error).stack)}`);
      outcome.refused++;
    }
    if (performance.now() - start > LIMIT_MS)
      throw new Error(`case ${seed} of ${FILES[index]}: took more than ${LIMIT_MS} ms`);
  }
  return outcome;
}
