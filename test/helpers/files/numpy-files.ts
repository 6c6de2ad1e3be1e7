// Writes numpy files like numpy.save and numpy.savez.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { crc32 } from '../../../src/formats/zip/crc32.js';

/** A `.npy` as numpy writes it. */
export function npy(values: ArrayBufferView | number[], shape: number[], dtype = '<f4', fortran = false): Buffer {
  const data = Array.isArray(values) ? Float32Array.from(values) : values;
  const header = `{'descr': '${dtype}', 'fortran_order': ${fortran ? 'True' : 'False'}, 'shape': (${shape.join(', ')}${shape.length === 1 ? ',' : ''}), }`;
  const padded = `${header.padEnd(Math.ceil((header.length + 11) / 64) * 64 - 11)}\n`;
  const head = Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0, padded.length & 255, padded.length >> 8]);
  return Buffer.concat([head, Buffer.from(padded), Buffer.from(data.buffer, data.byteOffset, data.byteLength)]);
}

/** A zip archive of the entries, deflated when asked. */
export function npz(entries: Record<string, Buffer>, deflate = false): Buffer {
  const locals: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const [name, bytes] of Object.entries(entries)) {
    const packed = deflate ? deflateRawSync(bytes) : bytes;
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0);
    fields.writeUInt16LE(deflate ? 8 : 0, 4);
    fields.writeUInt32LE(crc32(bytes) >>> 0, 10);
    fields.writeUInt32LE(packed.length, 14);
    fields.writeUInt32LE(bytes.length, 18);
    fields.writeUInt16LE(name.length, 22);
    const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), fields, Buffer.from(name), packed]);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(offset, 10);
    central.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\x00', 'latin1'), fields, rest, Buffer.from(name)]));
    locals.push(local);
    offset += local.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(locals.length, 8);
  end.writeUInt16LE(locals.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, directory, end]);
}

/** A folder with one `.npy` of `[regions, dim]` for each image; value (image, region, feature) = 100 image + 10 region + feature. */
export function writeFeatureFolder(folder: string, ids: readonly string[], regions: number, dim: number): string {
  mkdirSync(folder, { recursive: true });
  ids.forEach((id, image) => {
    const values = Array.from({ length: regions * dim }, (_, i) => 100 * image + 10 * Math.floor(i / dim) + (i % dim));
    writeFileSync(join(folder, `${id}.npy`), npy(values, [regions, dim]));
  });
  return folder;
}
