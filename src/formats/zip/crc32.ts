// CRC-32 as zip archives use it: zlib's in Node; in browsers by tables, eight bytes at a time.

const TABLES = makeTables();

function makeTables(): Uint32Array[] {
  const first = new Uint32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    first[byte] = crc >>> 0;
  }
  const tables = [first];
  for (let k = 1; k < 8; k++) {
    const previous = tables[k - 1] as Uint32Array;
    tables.push(previous.map((crc) => ((crc >>> 8) ^ (first[crc & 0xff] as number)) >>> 0));
  }
  return tables;
}

/** zlib's, which uses the processor's own instructions. Looked up at run time because browsers load this file too. */
const zlib = (globalThis as { process?: Partial<NodeJS.Process> }).process?.getBuiltinModule?.('node:zlib');

/** CRC-32 (polynomial 0xEDB88320) of bytes. */
export const crc32: (bytes: Uint8Array) => number = zlib === undefined ? tableCrc32 : (bytes) => zlib.crc32(bytes);

/** The same in plain JavaScript. @see Sarwate's table method, sliced by eight (Kounavis and Berry, 2005) */
export function tableCrc32(bytes: Uint8Array): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = TABLES as [
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
  ];
  let crc = 0xffffffff;
  const lead = Math.min((4 - (bytes.byteOffset & 3)) & 3, bytes.byteLength);
  for (let i = 0; i < lead; i++) crc = (crc >>> 8) ^ (t0[(crc ^ (bytes[i] as number)) & 0xff] as number);
  const pairs = (bytes.byteLength - lead) >>> 3;
  const words = pairs === 0 ? new Uint32Array() : new Uint32Array(bytes.buffer, bytes.byteOffset + lead, pairs * 2);
  for (let i = 0; i < words.length; i += 2) {
    const low = crc ^ (words[i] as number);
    const high = words[i + 1] as number;
    crc =
      (t7[low & 0xff] as number) ^
      (t6[(low >>> 8) & 0xff] as number) ^
      (t5[(low >>> 16) & 0xff] as number) ^
      (t4[low >>> 24] as number) ^
      (t3[high & 0xff] as number) ^
      (t2[(high >>> 8) & 0xff] as number) ^
      (t1[(high >>> 16) & 0xff] as number) ^
      (t0[high >>> 24] as number);
  }
  for (let i = lead + pairs * 8; i < bytes.byteLength; i++)
    crc = (crc >>> 8) ^ (t0[(crc ^ (bytes[i] as number)) & 0xff] as number);
  return (crc ^ 0xffffffff) >>> 0;
}
