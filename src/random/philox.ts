// Philox 4x32-10: random bits as a pure function of a key and a counter, so that any element can be drawn independently, on any backend.

const MULTIPLIER_0 = 0xd2511f53 | 0;
const MULTIPLIER_1 = 0xcd9e8d57 | 0;
const KEY_STEP_0 = 0x9e3779b9 | 0;
const KEY_STEP_1 = 0xbb67ae85 | 0;
const ROUNDS = 10;

/** Values per counter. */
export const WORDS_PER_BLOCK = 4;

/** The upper 32 bits of the product of two uint32. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = (Math.imul(aHigh, bLow) + (Math.imul(aLow, bLow) >>> 16)) | 0;
  const carry = (Math.imul(aLow, bHigh) + (middle & 0xffff)) | 0;
  return (Math.imul(aHigh, bHigh) + (middle >>> 16) + (carry >>> 16)) | 0;
}

/**
 * `count` random uint32 of the stream (`key0`, `key1`, `salt`), as signed 32-bit patterns.
 *
 * Element `i` is word `i mod 4` of the block with counter `(low(i / 4), high(i / 4), salt, 0)`: the order of TensorFlow's StatelessRandom ops
 * with Philox, key `key0 + 2^32 key1` and counter `[0, salt]`.
 * @param firstBlock number of the first block: elements before it are skipped
 * @see https://www.thesalmons.org/john/random123/papers/random123sc11.pdf Salmon et al., "Parallel random numbers: as easy as 1, 2, 3"
 */
export function philoxBits(count: number, key0: number, key1: number, salt: number, firstBlock = 0): Int32Array {
  const bits = new Int32Array(Math.ceil(count / WORDS_PER_BLOCK) * WORDS_PER_BLOCK);
  for (let offset = 0; offset < bits.length; offset += WORDS_PER_BLOCK) {
    const block = firstBlock + offset / WORDS_PER_BLOCK;
    let c0 = block | 0;
    let c1 = Math.floor(block / 2 ** 32) | 0;
    let c2 = salt | 0;
    let c3 = 0;
    let k0 = key0 | 0;
    let k1 = key1 | 0;
    for (let round = 0; round < ROUNDS; round++) {
      const low0 = Math.imul(MULTIPLIER_0, c0);
      const low1 = Math.imul(MULTIPLIER_1, c2);
      const high0 = multiplyHigh(MULTIPLIER_0, c0);
      c0 = multiplyHigh(MULTIPLIER_1, c2) ^ c1 ^ k0;
      c1 = low1;
      c2 = high0 ^ c3 ^ k1;
      c3 = low0;
      k0 = (k0 + KEY_STEP_0) | 0;
      k1 = (k1 + KEY_STEP_1) | 0;
    }
    bits[offset] = c0;
    bits[offset + 1] = c1;
    bits[offset + 2] = c2;
    bits[offset + 3] = c3;
  }
  return bits.subarray(0, count);
}

/**
 * 32-bit FNV-1a of a text: a stable salt for a name. Returns a uint32.
 * @example
 * hash32('a'); // 3826002220
 */
export function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
