// Damages valid checkpoint files and checks that reading them works or ends in a CheckpointError, within limits of time and memory.
import { readFileSync } from 'node:fs';
import { bytesSource } from '../../../src/byte-source.js';
import { openTensorFile } from '../../../src/checkpoint/open.js';
import { CheckpointError } from '../../../src/errors.js';
import { sizeOf } from '../../../src/shapes.js';
import { damaged, generator } from '../files/damage.js';

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

/** Runs cases `from` to `from + count - 1`. Returns how many files were read and how many refused. @throws Error naming the first case that went wrong. */
export async function fuzzCheckpoints(from: number, count: number): Promise<{ read: number; refused: number }> {
  const originals = FILES.map((name) => new Uint8Array(readFileSync(`test/fixtures/checkpoints/${name}`)));
  const outcome = { read: 0, refused: 0 };
  for (let seed = from; seed < from + count; seed++) {
    const random = generator(seed);
    const index = random(originals.length);
    const bytes = damaged(originals[index] as Uint8Array, random);
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
