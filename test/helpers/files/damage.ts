// Damages the bytes of a file reproducibly, like broken disks, truncated downloads, manual edits or attacks.

/** Integers at which sizes and offsets break. */
const EDGES = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];

/** Whole numbers below a bound. */
export type Random = (below: number) => number;

/** mulberry32: small and reproducible. */
export function generator(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

/** One to four changes: flipped bits, bytes, edge integers, cuts, moved, repeated and overwritten parts. */
export function damaged(original: Uint8Array, random: Random): Uint8Array {
  let bytes = new Uint8Array(original); // a copy: the slice of a Buffer is a view
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

/** The beginning of one file and the end of another. */
export function spliced(first: Uint8Array, second: Uint8Array, random: Random): Uint8Array {
  return Uint8Array.from([...first.subarray(0, random(first.length)), ...second.subarray(random(second.length))]);
}
