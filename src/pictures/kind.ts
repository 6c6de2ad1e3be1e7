// The format of a picture, by its first bytes.
import { DataError } from '../errors.js';

/** The supported formats. */
export type PictureKind = 'jpeg' | 'png' | 'webp' | 'gif' | 'avif' | 'tiff';

/** Enough bytes to recognise every format. */
export const PICTURE_HEAD_BYTES = 32;

/** First bytes of each format, one character per byte; AVIF's brand may follow another one. */
const BEGINNINGS: readonly (readonly [kind: PictureKind, beginning: RegExp])[] = [
  ['jpeg', /^\xff\xd8\xff/],
  ['png', /^\x89PNG\r\n\x1a\n/],
  ['webp', /^RIFF[\s\S]{4}WEBP/],
  ['gif', /^GIF8[79]a/],
  ['avif', /^[\s\S]{4}ftyp(?:[\s\S]{4}){0,4}avi[fs]/],
  ['tiff', /^(?:II[*+]\0|MM\0[*+])/],
];

/** The format of a picture; null for other bytes (SVG and PDF are programs, not pictures). */
export function pictureKind(head: Uint8Array): PictureKind | null {
  const text = String.fromCharCode(...head.subarray(0, PICTURE_HEAD_BYTES));
  return BEGINNINGS.find(([, beginning]) => beginning.test(text))?.[0] ?? null;
}

/** The format of a picture. @throws DataError for bytes that are no picture of a supported format */
export function requirePictureKind(bytes: Uint8Array, name: string): PictureKind {
  const kind = pictureKind(bytes);
  if (kind !== null) return kind;
  const found = bytes.byteLength === 0 ? 'an empty file' : 'another format';
  throw new DataError(`${name}: expected a JPEG, PNG, WebP, GIF, AVIF or TIFF picture, found ${found}`);
}

/** Endings of picture files. */
export const PICTURE_FILE = /\.(?:jpe?g|png|webp|gif|avif|tiff?)$/i;
