// A picture's file as a data URL.
import { DataError } from '../errors.js';
import { requireKinds } from '../options.js';

/** First bytes of the picture formats that browsers show. */
const KINDS: readonly [type: string, at: number, head: readonly number[]][] = [
  ['image/png', 0, [0x89, 0x50, 0x4e, 0x47]],
  ['image/jpeg', 0, [0xff, 0xd8, 0xff]],
  ['image/webp', 8, [0x57, 0x45, 0x42, 0x50]],
  ['image/gif', 0, [0x47, 0x49, 0x46, 0x38]],
];

/**
 * The bytes of a picture's file as a data URL.
 * @throws DataError when they are not PNG, JPEG, WebP or GIF
 * @example
 * pictureUrl(await readFile('photo.jpg'), 'photo.jpg'); // 'data:image/jpeg;base64,...'
 */
export function pictureUrl(bytes: Uint8Array, name: string): string {
  requireKinds('pictureUrl', { bytes: { bytes } });
  const kind = KINDS.find(([, at, head]) => head.every((byte, i) => bytes[at + i] === byte));
  if (kind === undefined) throw new DataError(`${name}: expected a PNG, JPEG, WebP or GIF picture`);
  return `data:${kind[0]};base64,${base64Of(bytes)}`;
}

/** Base64 of bytes; also works in browsers. */
export function base64Of(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}
