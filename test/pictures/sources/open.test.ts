// Pictures in folders, patterns, lists, archives and Parquet files; the archives are made by fixtures/make_pictures.py.
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { DataError } from '../../../src/errors.js';
import { decodePicture } from '../../../src/pictures/decode.js';
import { setLogger } from '../../../src/logger.js';
import { nameByOf, openPictures } from '../../../src/pictures/sources/open.js';
import type { PictureSource } from '../../../src/pictures/sources/source.js';
import { temporaryFolder } from '../../helpers/files/temporary-folder.js';

const FIXTURES = join('test', 'fixtures', 'pictures');
const ARCHIVES = join(FIXTURES, 'archives');
/** The pictures of the archives, in their order. */
const FILES = ['rgb.jpg', 'rgba.png', 'lossless.webp'].map((name) => readFileSync(join(FIXTURES, name)));
const hasZstd = 'zstdDecompressSync' in (await import('node:zlib'));

let folder = '';
beforeEach(() => {
  folder = temporaryFolder();
});

async function withPictures(
  paths: string | readonly string[],
  body: (source: PictureSource) => Promise<void>,
  options = {},
): Promise<void> {
  const source = await openPictures(paths, options);
  await body(source).finally(() => source.close());
}

/** Files below the folder: copies of one picture. */
function write(...paths: string[]): void {
  for (const path of paths) {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    copyFileSync(join(FIXTURES, 'rgb.jpg'), join(folder, path));
  }
}

describe('pictures in files', () => {
  test('of a folder and those inside it, by path, without what is hidden or no picture', async () => {
    write('b/2.JPG', 'a/10.jpeg', '1.png', '.hidden.jpg', '.thumbs/3.jpg');
    writeFileSync(join(folder, 'notes.txt'), 'x');
    await withPictures(folder, async (source) => {
      expect(source.ids).toEqual(['1', '10', '2']);
      expect(Buffer.from(await source.read('COCO_val2014_000000000010.jpg')).equals(FILES[0] as Buffer)).toBe(true);
      await expect(source.read('11')).rejects.toThrow(`${folder}: has no picture of image 11`);
    });
  });

  test('of a pattern, a list and single files, as one source', async () => {
    write('b/2.jpg', 'b/3.jpg', 'c/4.jpg', 'd/5.jpg', 'd/6.png');
    writeFileSync(join(folder, 'list.txt'), 'd/6.png\r\n\nd/5.jpg\n');
    await withPictures([join(folder, '{b,c}/*.jpg'), join(folder, 'list.txt')], async ({ ids }) =>
      expect(ids).toEqual(['2', '3', '4', '6', '5']),
    );
    await withPictures(join(folder, 'd/5.jpg'), async ({ ids }) => expect(ids).toEqual(['5']));
  });

  test('names what is absent, empty, no picture or twice the same image', async () => {
    await expect(openPictures(join(folder, 'none'))).rejects.toThrow('none: no such file or folder of pictures');
    await expect(openPictures(folder)).rejects.toThrow('no picture found; expected .jpg');
    await expect(openPictures(join(folder, '*.jpg'))).rejects.toThrow('*.jpg: no picture found');
    write('a/9.jpg', 'b/COCO_train2014_000000000009.png');
    await expect(openPictures(folder)).rejects.toThrow(
      /COCO_train2014_000000000009\.png: gets the id COCO_train2014_000000000009, which means the same image as 9 of .*a.9\.jpg;/,
    );
    writeFileSync(join(folder, 'x.jpg'), 'no');
    writeFileSync(join(folder, 'list.txt'), 'x.jpg\ngone.jpg\n');
    await withPictures(join(folder, 'list.txt'), async (source) => {
      await expect(source.read('x')).rejects.toThrow(`${join(folder, 'x.jpg')}: expected a JPEG`);
      await expect(source.read('gone')).rejects.toThrow(/gone\.jpg: expected a picture: no such file/);
    });
    writeFileSync(join(folder, 'y.tgz'), Buffer.from([0x1f, 0x8b, 8, 0]));
    await expect(openPictures(join(folder, 'y.tgz'))).rejects.toThrow('y.tgz: expected a picture, a folder, a pattern');
    await expect(openPictures(join(folder, 'y.tgz'))).rejects.toThrow('found a gzip file; unpack it first');
  });
});

describe('files of a folder', () => {
  test('that are no pictures by their names are counted by their endings', async () => {
    write('1.png', 'a/2.jpg', 'x.bmp', 'a/y.JP2', 'a/z.jp2', 'plain', 'broken.tar');
    await withPictures(folder, async ({ ids, ignored }) => {
      expect(ids).toEqual(['1', '2']);
      expect(ignored).toEqual([{ folder, endings: { '': 1, '.bmp': 1, '.jp2': 2, '.tar': 1 } }]);
    });
    await withPictures([join(folder, 'a'), join(folder, '1.png')], async ({ ignored }) =>
      expect(ignored).toEqual([{ folder: join(folder, 'a'), endings: { '.jp2': 2 } }]),
    );
  });

  test('that are links leading nowhere are bad pictures', async () => {
    write('1.png');
    symlinkSync('gone.png', join(folder, 'dangling.png'));
    symlinkSync('loop.jpg', join(folder, 'loop.jpg'));
    await withPictures(folder, async (source) => {
      expect(source.ids).toEqual(['1', 'dangling', 'loop']);
      await expect(source.read('dangling')).rejects.toThrow(/dangling\.png: .* a link that leads to no file/);
      await expect(source.read('loop')).rejects.toThrow(/loop\.jpg: .* links that lead to each other/);
    });
  });

  test('in a linked folder are given once, by their own path if it is given too', async () => {
    write('b/1.png', 'outside/3.png', 'in/2.png');
    symlinkSync('.', join(folder, 'b', 'again'));
    symlinkSync('b', join(folder, 'a'));
    symlinkSync(join('..', 'outside'), join(folder, 'in', 'out'));
    for (const nameBy of ['file', 'path'] as const)
      await withPictures([join(folder, 'b'), join(folder, 'in')], async ({ ids }) =>
        expect(ids).toEqual(nameBy === 'file' ? ['1', '2', '3'] : ['b/1', 'in/2', 'in/out/3']), { nameBy }); // prettier-ignore
    for (const path of [folder, join(folder, '**', '*.png')])
      await withPictures(path, async ({ ids }) => expect(ids).toEqual(['b/1', 'in/2', 'outside/3']), {
        nameBy: 'path',
      });
  });

  test('are pictures without a usual ending if they are given by name', async () => {
    write('plain', 'photo.bin');
    await withPictures([join(folder, 'plain'), join(folder, 'photo.bin')], async (source) => {
      expect(source.ids).toEqual(['plain', 'photo']);
      expect(Buffer.from(await source.read('plain')).equals(FILES[0] as Buffer)).toBe(true);
    });
    writeFileSync(join(folder, 'empty.png'), '');
    await withPictures(
      join(folder, 'empty.png'),
      async (source) =>
      expect(source.read('empty')).rejects.toThrow('expected a JPEG, PNG, WebP, GIF, AVIF or TIFF picture, found an empty file'), // prettier-ignore
    );
  });
});

describe('pictures named by their paths', () => {
  const byPath = { nameBy: 'path' } as const;

  test('of a folder, a pattern and a list, relative to it', async () => {
    write('a/x.jpg', 'b/x.jpg', 'b/c/x.jpg', 'y.jpg');
    await expect(openPictures(folder)).rejects.toThrow(
      "x.jpg; name pictures by their paths (nameBy: 'path', --name-by path)",
    );
    await withPictures(
      folder,
      async (source) => {
        expect(source.ids).toEqual(['a/x', 'b/c/x', 'b/x', 'y']);
        expect(Buffer.from(await source.read('b/x')).equals(FILES[0] as Buffer)).toBe(true);
      },
      byPath,
    );
    await withPictures(join(folder, '*', 'x.jpg'), async ({ ids }) => expect(ids).toEqual(['a/x', 'b/x']), byPath);
    writeFileSync(join(folder, 'list.txt'), './b/x.jpg\na/x.jpg\n');
    await withPictures(join(folder, 'list.txt'), async ({ ids }) => expect(ids).toEqual(['b/x', 'a/x']), byPath);
  });

  test('keep an ending without which two would be one image', async () => {
    write('x.jpg', 'x.png', 'y.png');
    await expect(openPictures(folder)).rejects.toThrow(
      /x\.png: gets the id x, which means the same image as x of .*x\.jpg; name pictures by their paths .* or take only some/,
    );
    await withPictures(folder, async ({ ids }) => {
      expect(ids).toEqual(['x@jpg', 'x@png', 'y']);
      expect(nameByOf(ids)).toBe('path');
    }, byPath); // prettier-ignore
    expect(nameByOf(['icon@2x', 'y'])).toBe('file');
  });

  test('of several folders and archives start with their names', async () => {
    write('a/x.jpg', 'b/x.jpg');
    const archives = ['stored.zip', 'ustar.tar'].map((name) => join(ARCHIVES, name));
    await withPictures(
      [join(folder, 'a'), join(folder, 'b'), ...archives],
      async (source) => {
        expect(source.ids.slice(0, 2)).toEqual(['a/x', 'b/x']);
        expect(source.ids.slice(2).map((id) => id.split('/')[0])).toEqual([
          ...Array(3).fill('stored'),
          ...Array(3).fill('ustar'),
        ]);
        for (const id of source.ids) expect(await source.read(id)).toBeInstanceOf(Uint8Array);
      },
      byPath,
    );
  });
});

describe('pictures in archives', () => {
  test.each(['stored.zip', 'deflated.zip', 'ustar.tar', 'pax.tar', 'gnu.tar'])('of %s', (name) =>
    withPictures(join(ARCHIVES, name), async (source) => {
      expect(source.ids).toEqual([0, 1, 2].map((i) => String(i).padStart(12, '0')));
      for (const [i, bytes] of FILES.entries()) {
        const read = await source.read(String(i));
        expect(Buffer.from(read).equals(bytes)).toBe(true);
        expect(await decodePicture(read, name)).toMatchObject({ width: 23, height: 17 });
      }
    }),
  );

  test.each(['stored.zip', 'ustar.tar'])('of %s, cut short: named', async (name) => {
    const path = join(folder, name);
    const bytes = readFileSync(join(ARCHIVES, name));
    for (const share of [0.1, 0.2, 0.9 * (name.endsWith('.zip') ? 1 : 0.2)]) {
      writeFileSync(path, bytes.subarray(0, bytes.length * share));
      await expect(openPictures(path)).rejects.toThrow(path);
    }
  });
});

describe('pictures in Parquet files', () => {
  test.each(['snappy', 'gzip', 'none', ...(hasZstd ? ['zstd'] : [])])(
    'compressed by %s, in two groups of rows',
    (codec) =>
      withPictures(join(ARCHIVES, `images-${codec}.parquet`), async (source) => {
        expect(source.ids).toEqual([0, 1, 2].map((i) => String(i).padStart(12, '0')));
        for (const i of [2, 0, 1, 2]) {
          expect(Buffer.from(await source.read(String(i))).equals(FILES[i] as Buffer)).toBe(true);
        }
      }),
  );

  test('of bytes only, with a column of ids', () =>
    withPictures(join(ARCHIVES, 'plain.parquet'), async (source) => {
      expect(source.ids).toEqual(['7', '8', '9']);
      expect(Buffer.from(await source.read('9')).equals(FILES[2] as Buffer)).toBe(true);
    }));

  test.each([['plain-lz4', 'LZ4'], ...(hasZstd ? [] : [['images-zstd', 'ZSTD']])])(
    'that nothing here unpacks, as %s, are named as that and not as damaged',
    async (name, codec) => {
      const error: unknown = await withPictures(join(ARCHIVES, `${name}.parquet`), async (source) => {
        await source.read(source.ids[0] ?? '');
      }).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(DataError);
      expect((error as DataError).message).toMatch(
        new RegExp(`${name}.parquet: column .* is compressed with ${codec}.*snappy`),
      );
      expect((error as DataError).message).not.toContain('damaged');
    },
  );

  test('in a folder of parts, rows without ids by the name of their part', async () => {
    for (const i of [0, 1])
      copyFileSync(join(ARCHIVES, 'unnamed.parquet'), join(folder, `train-0000${i}-of-00002.parquet`));
    const ids = [0, 1].flatMap((part) => [0, 1].map((row) => `train-0000${part}-of-00002-${row}`));
    for (const path of [folder, join(folder, '*.parquet')])
      await withPictures(path, async (source) => {
        expect(source.ids).toEqual(ids);
        expect(Buffer.from(await source.read(ids[3] ?? '')).equals(FILES[1] as Buffer)).toBe(true);
      });
  });

  test('with several columns of bytes: they are named, and one can be chosen', async () => {
    const path = join(ARCHIVES, 'two-columns.parquet');
    await expect(openPictures(path)).rejects.toThrow(
      'expected one column of pictures, found image and thumbnail; name one with --column',
    );
    for (const column of ['image', 'thumbnail'])
      await withPictures(path, async ({ ids }) => expect(ids).toEqual(['two-columns-0', 'two-columns-1']), { column });
  });

  test('with names of some rows only, or twice the same name: said', async () => {
    const warnings: string[] = [];
    setLogger({ info: () => undefined, warn: (message) => warnings.push(message) });
    const path = join(ARCHIVES, 'half-named.parquet');
    await withPictures(path, async ({ ids }) => expect(ids).toEqual(['half-named-0', 'half-named-1']));
    expect(warnings).toEqual([
      `${path}: 1 row of 2 has no image.path, so all ids are numbers of rows (half-named-0, ...); fill the column to use its names`,
    ]);
    setLogger(null);
    await expect(openPictures(join(ARCHIVES, 'twice-named.parquet'))).rejects.toThrow(
      /row 1 \(image a\): gets the id a, which means the same image as a of .*row 0 \(image a\); give each row an id of its own in a column image_id/,
    );
  });

  test('without pictures, or with another column asked for: its columns are named', async () => {
    const texts = join(ARCHIVES, 'texts.parquet');
    await expect(openPictures(texts)).rejects.toThrow(`${texts}: expected a column of pictures; its columns are text`);
    const images = join(ARCHIVES, 'images-snappy.parquet');
    await expect(openPictures(images, { column: 'photo' })).rejects.toThrow(
      'expected a column of pictures photo; its columns are image.bytes, image.path, label',
    );
    await withPictures(images, async ({ ids }) => expect(ids).toHaveLength(3), { column: 'image' });
    writeFileSync(join(folder, 'x.parquet'), readFileSync(images).subarray(0, 3000));
    const error: unknown = await openPictures(join(folder, 'x.parquet')).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(DataError);
    expect((error as DataError).message).toContain('x.parquet: its metadata could not be read');
  });
});
