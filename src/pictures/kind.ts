// What kind of picture bytes are, by how they begin.

/** The kinds that are read. */
export type PictureKind = 'jpeg' | 'png' | 'webp' | 'gif' | 'avif' | 'tiff';

/** So many bytes are enough for every kind. */
export const PICTURE_HEAD_BYTES = 32;

/** How each kind begins, a character a byte; the brands of AVIF may stand after another one. */
const BEGINNINGS: readonly (readonly [kind: PictureKind, beginning: RegExp])[] = [
  ['jpeg', /^\xff\xd8\xff/],
  ['png', /^\x89PNG\r\n\x1a\n/],
  ['webp', /^RIFF[\s\S]{4}WEBP/],
  ['gif', /^GIF8[79]a/],
  ['avif', /^[\s\S]{4}ftyp(?:[\s\S]{4}){0,4}avi[fs]/],
  ['tiff', /^(?:II[*+]\0|MM\0[*+])/],
];

/** The kind of a picture; null for bytes of anything else (SVG and PDF are programs, not pictures). */
export function pictureKind(head: Uint8Array): PictureKind | null {
  const text = String.fromCharCode(...head.subarray(0, PICTURE_HEAD_BYTES));
  return BEGINNINGS.find(([, beginning]) => beginning.test(text))?.[0] ?? null;
}

/** Endings of picture files. */
export const PICTURE_FILE = /\.(?:jpe?g|png|webp|gif|avif|tiff?)$/i;
