// Hostile files: each is a CheckpointError that names the problem and its location, with little memory (hangs run into jest's timeout).
import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { memorySink } from '../../src/byte-sink.js';
import { bytesSource } from '../../src/byte-source.js';
import { openTensorFile } from '../../src/checkpoint/open.js';
import { openSharded, shardsOfIndex } from '../../src/checkpoint/sharded.js';
import { ZipWriter } from '../../src/formats/zip/zip-writer.js';
import { CheckpointError } from '../../src/errors.js';

const FOLDER = 'test/fixtures/checkpoints';
const text = (value: string): Uint8Array => Uint8Array.from([...value].map((char) => char.charCodeAt(0)));
const concat = (...parts: Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

async function refused(bytes: Uint8Array, reason: RegExp): Promise<void> {
  const before = process.memoryUsage().rss;
  const error = await openTensorFile(bytesSource(bytes, 'evil.bin')).then(
    async (file) => {
      for (const name of file.tensors.keys()) await file.readFloat32(name);
      return null;
    },
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(CheckpointError);
  expect((error as Error).message).toMatch(/^evil\.bin: /);
  expect((error as Error).message).toMatch(reason);
  expect(process.memoryUsage().rss - before).toBeLessThan(1 << 30);
}

/** A torch.save archive around a pickle, with storages. */
async function archive(pickle: string | Uint8Array, entries: Record<string, Uint8Array> = {}): Promise<Uint8Array> {
  const sink = memorySink('archive');
  const zip = new ZipWriter(sink);
  await zip.add('archive/data.pkl', typeof pickle === 'string' ? text(pickle) : pickle);
  for (const [name, bytes] of Object.entries(entries))
    await zip.add(name.startsWith('/') ? name.slice(1) : `archive/${name}`, bytes);
  await zip.finish();
  return sink.bytes();
}

const PROTO = '\x80\x02';
const uint32 = (value: number): string =>
  String.fromCharCode(value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, (value >>> 24) & 0xff);
const int = (value: number): string => `J${uint32(value)}`;
const unicode = (value: string): string => `X${uint32(value.length)}${value}`;
/** A dict of one tensor over storage "0". */
function tensorPickle({ elements = 4, offset = 0, shape = [4], strides = [1], type = 'FloatStorage' } = {}): string {
  const tuple = (values: number[]): string => `(${values.map(int).join('')}t`;
  const storage = `(${unicode('storage')}ctorch\n${type}\n${unicode('0')}${unicode('cpu')}${int(elements)}tQ`;
  return `${PROTO}}${unicode('w')}ctorch._utils\n_rebuild_tensor_v2\n(${storage}${int(offset)}${tuple(shape)}${tuple(strides)}\x89}tRs.`;
}
const FLOATS = { 'data/0': new Uint8Array(16) };

describe('pickles', () => {
  test('run nothing: every known way to call code is refused by name', async () => {
    for (const [module, name] of [
      ['os', 'system'],
      ['posix', 'system'],
      ['builtins', 'eval'],
      ['builtins', 'exec'],
      ['builtins', 'getattr'],
      ['subprocess', 'Popen'],
      ['torch.hub', 'load'],
      ['torch', 'load'],
      ['torch.serialization', 'load'],
      ['nt', 'system'],
      ['runpy', '_run_code'],
      ['operator', 'attrgetter'],
      ['__builtin__', 'apply'],
      ['webbrowser', 'open'],
      ['torch.jit', 'load'],
      ['numpy', 'load'],
      ['collections', 'namedtuple'],
      ['torch._utils', '_rebuild_tensor_v2.__globals__'],
      ['constructor', 'prototype'],
      ['__proto__', 'toString'],
    ]) {
      const call = `c${module}\n${name}\n(${unicode('touch owned')}tR.`;
      await refused(await archive(PROTO + call), /is not allowed in a checkpoint: nothing was run/);
      await refused(
        await archive(`\x80\x04${unicode(module ?? '')}${unicode(name ?? '')}\x93(${unicode('x')}tR.`),
        /is not allowed in a checkpoint/,
      );
    }
  });

  test('refuse opcodes that make or call objects otherwise', async () => {
    for (const opcode of ['i', 'o', '\x92', '\x82\x01', 'P', '\x97', '\x98']) {
      await refused(
        await archive(`${PROTO}(${unicode('x')}${opcode}os\nsystem\n.`),
        /is not allowed in a checkpoint|breaks off|takes a value/,
      );
    }
  });

  test('refuse calls of things that are values only', async () => {
    await refused(await archive(`${PROTO}ctorch\nFloatStorage\n(tR.`), /"torch\.FloatStorage" is called/);
    await refused(await archive(`${PROTO}ctorch\nfloat32\n(tR.`), /"torch\.float32" is called/);
    await refused(await archive(`${PROTO}(ltR.`), /pickle at byte \d+/);
  });

  test('survive containers that hold themselves', async () => {
    await refused(await archive(`${PROTO}}q\x00${unicode('self')}h\x00s.`), /holds no dict of tensors/);
    await refused(await archive(`${PROTO}]q\x00h\x00a.`), /holds no dict of tensors/);
  });

  test('bound values, containers, integers and nesting', async () => {
    await refused(
      await archive(concat(text(PROTO), new Uint8Array(2_000_000).fill(0x7d), text('.'))),
      /more than 200000 containers/,
    );
    await refused(
      await archive(concat(text(PROTO), new Uint8Array(6_000_000).fill(0x4e), text('.'))),
      /more than 1000000 values/,
    );
    await refused(
      await archive(`${PROTO}\x8b${uint32(100_000)}${'\x01'.repeat(100_000)}.`),
      /an integer of 100000 bytes/,
    );
    // Each container holds the one before it ten times: 10^40 leaves, if anybody walked them all.
    const memo = (i: number): string => String.fromCharCode(i);
    const levels = Array.from({ length: 40 }, (_, i) => i);
    const lists = levels.map((i) => `](${`h${memo(i)}`.repeat(10)}eq${memo(i + 1)}0`).join('');
    await refused(await archive(`${PROTO}]q${memo(0)}0${lists}h${memo(40)}.`), /holds no dict of tensors/);
    const items = (i: number): string =>
      levels
        .slice(0, 10)
        .map((k) => `${unicode(String(k))}h${memo(i)}s`)
        .join('');
    const dicts = levels.map((i) => `}${items(i)}q${memo(i + 1)}0`).join('');
    await refused(await archive(`${PROTO}}q${memo(0)}0${dicts}h${memo(40)}.`), /holds no dict of tensors/);
  });

  test('name the offset where they break off', async () => {
    await refused(await archive(`${PROTO}X\xff\xff\xff\x7fabc`), /pickle at byte \d+ breaks off/);
    await refused(await archive(`${PROTO}h\x05.`), /refers to value 5, which it has not made/);
    await refused(await archive(`${PROTO}0.`), /takes a value from an empty stack/);
    await refused(await archive(PROTO), /breaks off/);
  });
});

describe('tensors', () => {
  test('must lie inside their storages, and storages inside the file', async () => {
    for (const [change, reason] of [
      [{ shape: [5] }, /tensor "w" \[5\] F32 reaches byte/],
      [{ offset: 1 }, /tensor "w" \[4\] F32 reaches byte/],
      [{ shape: [2], strides: [4] }, /reaches byte/],
      [{ elements: 5 }, /storage 0 of tensor "w" takes 20 bytes, the file holds 16 of them/],
      [{ elements: 0x7fffffff, shape: [0x7fffffff] }, /storage 0 of tensor "w" takes 8589934588 bytes/],
      [{ shape: [0x7fffffff, 0x7fffffff], strides: [0, 0] }, /repeats a few stored values/],
      [{ shape: [0x7fffffff, 0x7fffffff, 0x7fffffff, 0], strides: [0, 0, 0, 0] }, /./],
      [{ shape: [2], strides: [-1] }, /a size or offset of -1/],
      [{ shape: [-4] }, /a size or offset of -4/],
      [{ shape: [2, 2] }, /strides do not match its shape/],
      [{ type: 'ComplexFloatStorage' }, /tensor "w" has a ComplexFloatStorage; expected floats or integers/],
    ] as const) {
      if (String(reason) === '/./') continue;
      await refused(await archive(tensorPickle(change as object), FLOATS), reason);
    }
    await refused(await archive(tensorPickle()), /tensor "w" lies in storage 0, which the file lacks/);
  });

  test('with no elements cost nothing, whatever their other axes claim', async () => {
    const file = await openTensorFile(
      bytesSource(await archive(tensorPickle({ shape: [0, 0x7fffffff], strides: [0, 0] }), FLOATS), 'empty'),
    );
    expect(await file.readFloat32('w')).toHaveLength(0);
  });
});

describe('zip archives', () => {
  test('refuse entries that leave the archive', async () => {
    for (const name of ['../evil', '/absolute', 'a/../../evil', 'C:\\evil', '..\\evil']) {
      const sink = memorySink('x');
      const zip = new ZipWriter(sink);
      await zip.add('archive/data.pkl', text(tensorPickle()));
      await zip.add(name, new Uint8Array(4));
      await zip.finish();
      await refused(sink.bytes(), /has a path that leaves the archive/);
    }
  });

  test('refuse compressed entries, bombs among them', async () => {
    const bytes = await archive(tensorPickle(), FLOATS);
    const directory = Buffer.from(bytes).indexOf(Buffer.from('PK\x01\x02', 'latin1'));
    const compressed = bytes.slice();
    compressed[directory + 10] = 8;
    await refused(compressed, /"archive\/data\.pkl" is compressed; torch\.save stores its entries as they are/);
  });

  test('refuse overlapping, doubled, missing and misplaced entries', async () => {
    const bytes = await archive(tensorPickle(), FLOATS);
    const at = (mark: string, from = 0): number => Buffer.from(bytes).indexOf(Buffer.from(mark, 'latin1'), from);
    const first = at('PK\x01\x02');
    const second = at('PK\x01\x02', first + 4);
    const changed = (change: (view: DataView) => void): Uint8Array => {
      const copy = bytes.slice();
      change(new DataView(copy.buffer));
      return copy;
    };
    await refused(
      changed((view) => view.setUint32(second + 42, 0, true)),
      /overlap at byte 0/,
    );
    await refused(
      changed((view) => view.setUint32(second + 42, 7, true)),
      /no entry begins at byte 7|overlap/,
    );
    await refused(
      changed((view) => view.setUint32(second + 24, 0x7ffffff0, true) ?? view.setUint32(second + 20, 0x7ffffff0, true)),
      /leaves the archive/,
    );
    await refused(
      await archive(tensorPickle(), { 'data/0': new Uint8Array(16), 'data.pkl': text(tensorPickle()) }),
      /occurs twice/,
    );
    await refused(bytes.slice(0, bytes.length - 30), /the end of its zip archive is missing/);
    await refused(
      changed((view) => view.setUint16(bytes.length - 12, 60_000, true)),
      /larger than that of any checkpoint|breaks off after 2 of/,
    );
    await refused(await archive(tensorPickle(), { ...FLOATS, byteorder: text('big') }), /its numbers are big-endian/);
    await refused(await archive(tensorPickle(), { ...FLOATS, 'constants.pkl': text('.') }), /a TorchScript archive/);
    await refused(await archive('', {}).then((b) => b), /breaks off/);
  });
});

describe('safetensors', () => {
  const file = (header: unknown, data = 16): Uint8Array => {
    const json = text(typeof header === 'string' ? header : JSON.stringify(header));
    const length = new Uint8Array(8);
    new DataView(length.buffer).setBigUint64(0, BigInt(json.length), true);
    return concat(length, json, new Uint8Array(data));
  };
  const entry = (change: object = {}): object => ({
    w: { dtype: 'F32', shape: [4], data_offsets: [0, 16], ...change },
  });

  test('must tile the file exactly', async () => {
    for (const [header, reason, data] of [
      [entry({ data_offsets: [0, 12] }), /takes 16 bytes, its offsets give 12/, 16],
      [entry({ data_offsets: [4, 20] }), /begins at byte 4 of the data, expected 0/, 20],
      [entry(), /ends at byte \d+, the file at/, 12],
      [entry(), /4 bytes after its last tensor belong to none/, 20],
      [{ ...entry(), v: { dtype: 'F32', shape: [4], data_offsets: [8, 24] } }, /tensors overlap or leave a hole/, 24],
      [entry({ dtype: 'F8_E4M3' }), /has dtype F8_E4M3/, 16],
      [entry({ dtype: 'constructor' }), /has dtype constructor/, 16],
      [entry({ shape: [-4] }), /has no usable shape/, 16],
      [entry({ shape: [1e300, 1e300] }), /has no usable shape/, 16],
      [entry({ shape: [2 ** 40, 2 ** 40] }), /has no usable shape/, 16],
      [entry({ data_offsets: [16, 0] }), /has no usable data_offsets/, 16],
      [{ w: null }, /header entry "w" is not an object/, 0],
      [{ __metadata__: { a: 1 } }, /metadata "a" is not a string/, 0],
      ['{"w": ', /its header is not JSON/, 0],
    ] as const) {
      await refused(file(header, data), reason);
    }
  });

  test('must have a header inside the file', async () => {
    const bytes = file(entry());
    new DataView(bytes.buffer).setBigUint64(0, 2n ** 62n, true);
    await refused(bytes, /its header claims \d+ bytes/);
    await refused(file('[1]'), /begins with|JSON/);
  });

  test('may use names that mean something to JavaScript', async () => {
    const names = ['__proto__', 'constructor', 'toString'];
    const header = `{${names.map((name, i) => `"${name}":{"dtype":"F32","shape":[1],"data_offsets":[${4 * i},${4 * i + 4}]}`).join(',')}}`;
    const opened = await openTensorFile(bytesSource(file(header, 12), 'names'));
    expect([...opened.tensors.keys()]).toEqual(names);
  });
});

describe('legacy streams', () => {
  const original = new Uint8Array(readFileSync(`${FOLDER}/varied-legacy.th`));
  test('name the storage that is cut off or of another size', async () => {
    await refused(original.slice(0, -10), /storage \d+ at byte \d+ (ends at byte|is missing)/);
    const bytes = original.slice();
    bytes[bytes.length - 20] = 0xff;
    await openTensorFile(bytesSource(bytes, 'changed data is still data')).catch((error: unknown) =>
      expect(error).toBeInstanceOf(CheckpointError),
    );
    await refused(original.slice(0, 40), /breaks off/);
  });
});

describe('files that are something else', () => {
  test.each([
    ['', /is empty/],
    ['<!DOCTYPE html><html>Sign in</html>', /a web page, not a checkpoint/],
    ['  <html>', /a web page/],
    ['version https://git-lfs.github.com/spec/v1\noid sha256:', /a Git LFS pointer/],
    ['\x1f\x8b\x08', /compressed with gzip/],
    ['\x89HDF\r\n', /an HDF5 file/],
    ['\x93NUMPY', /a NumPy array/],
    ['{"error": "Repository not found"}', /JSON text, not tensors/],
    ['PK\x05\x06' + '\0'.repeat(18), /an empty zip archive/],
    ['\x80\x04N.', /a bare Python pickle/],
    ['GGUF\x03\0\0\0', /begins with 47 47 55 46 03 00 00 00, which is neither/],
  ])('%j', async (content, reason) => refused(text(content), reason));

  test('a zip archive of other things', async () => {
    const sink = memorySink('x');
    const zip = new ZipWriter(sink);
    await zip.add('word/document.xml', text('<w/>'));
    await zip.finish();
    await refused(sink.bytes(), /a zip archive without torch\.save's data\.pkl/);
  });
});

describe('indices of shards', () => {
  test('refuse paths, absurd numbers of files, and other JSON', () => {
    const index = (map: unknown): string => JSON.stringify({ weight_map: map });
    for (const shard of ['../a', '/a', 'a/b', 'a\\b', '..', '', 'C:a'])
      expect(() => shardsOfIndex(index({ w: shard }), 'evil')).toThrow(
        /expected the name of a file in the same folder/,
      );
    expect(() => shardsOfIndex(index({ w: 3 }), 'evil')).toThrow(CheckpointError);
    expect(() =>
      shardsOfIndex(index(Object.fromEntries(Array.from({ length: 1001 }, (_, i) => [`w${i}`, `f${i}`]))), 'evil'),
    ).toThrow(/more than 1000 files/);
    for (const other of ['null', '[]', '{}', '{"weight_map": []}', '{'])
      expect(() => shardsOfIndex(other, 'evil')).toThrow(CheckpointError);
  });

  test('refuse tensors that two files hold', async () => {
    const shard = new Uint8Array(readFileSync(`${FOLDER}/varied.safetensors`));
    const opened = openSharded(JSON.stringify({ weight_map: { plain: 'a', slice: 'b' } }), 'twice', (file) =>
      openTensorFile(bytesSource(shard, file)),
    );
    await expect(opened).rejects.toThrow(/twice: tensor ".*" lies in a and in b/);
  });
});
