// Tables that stay in their file while a session reads rows of them, against the same tables in memory.
import { closeSync, openSync, renameSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { compile } from '../../../src/engine/session/compile.js';
import type { StateOptions } from '../../../src/engine/session/contract.js';
import { createState, type SessionState } from '../../../src/engine/session/state.js';
import { lookup } from '../../../src/layers/lookup.js';
import type { RawTensor } from '../../../src/raw-tensor.js';
import { useBackend } from '../../helpers/backend.js';
import { openFiles } from '../../helpers/files/open-files.js';
import { temporaryFolder } from '../../helpers/files/temporary-folder.js';

const [ROWS, WIDTH] = [70, 19];
const TABLE = Float32Array.from({ length: ROWS * WIDTH }, (_, i) => Math.sin(0.7 * (i + 1)));
/** Bytes before the table. */
const OFFSET = 6;

let hasEngine = false;
let path: string;
beforeAll(async () => {
  const choice = await useBackend();
  hasEngine = choice.backend === 'tensorflow';
  if (!hasEngine) process.stdout.write(`skipped: ${choice.reason}\n`);
});
beforeEach(() => {
  path = join(temporaryFolder(), 'values');
  writeFileSync(path, bytesOf(TABLE));
});

function bytesOf(values: Float32Array): Buffer {
  return Buffer.concat([Buffer.alloc(OFFSET), Buffer.from(values.buffer)]);
}

/** A state with a table in the file at `path`, whose descriptor is closed again, or with one in memory. */
async function stateOf(
  place: 'file' | 'memory',
  options: StateOptions = {},
  precision: 'fp32' | 'bf16' | 'fp16' | 'int8' = 'fp32',
): Promise<{ state: SessionState; table: tf.Variable; found: boolean[] }> {
  const table = tf.tidy(() => tf.variable(tf.zeros([ROWS, WIDTH])));
  const found: boolean[] = [];
  const descriptor = openSync(path, 'r');
  const readOnly = { matrices: () => false, tables: () => place === 'file', precision, packs: true };
  const values: StateOptions['values'] = async () =>
    place === 'memory' ? TABLE : { descriptor, offset: OFFSET, onRead: (areFinite) => void found.push(areFinite) };
  try {
    return { state: await createState(new Map([['table', table]]), { readOnly, values, ...options }), table, found };
  } finally {
    closeSync(descriptor);
  }
}

const ids = (shape: number[], ...data: number[]): RawTensor => ({ dtype: 'int32', shape, data: Int32Array.from(data) });

describe('a table in a file', () => {
  test.each(['fp32', 'bf16', 'fp16', 'int8'] as const)('has the values of one in memory in %s', async (precision) => {
    if (!hasEngine) return;
    const results: unknown[] = [];
    for (const place of ['memory', 'file'] as const) {
      const { state, table, found } = await stateOf(place, {}, precision);
      const run = compile(
        ({ few, many, one, x }) => ({
          few: lookup(table, few as tf.Tensor),
          many: lookup(table, many as tf.Tensor, 0),
          one: tf.gather(table, one as tf.Tensor),
          columns: tf.gather(table, few as tf.Tensor, 1), // reads all of it, as the next two do
          slice: tf.slice(table, [3, 0], [2, WIDTH]),
          product: tf.matMul(x as tf.Tensor, table, false, true),
        }),
        { state, precision },
      );
      const many = Array.from({ length: 2 * 3 * 50 }, (_, i) => (i * 31) % ROWS);
      const x: RawTensor = { dtype: 'float32', shape: [2, WIDTH], data: TABLE.slice(5, 5 + 2 * WIDTH) };
      const inputs = { few: ids([3], 0, 18, 0), many: ids([2, 3, 50], ...many), one: ids([], 7), x };
      results.push({ outputs: await run(inputs), read: await state.read('table') });
      expect(found).toEqual(place === 'file' ? [true] : []);
      await state.dispose();
    }
    expect(results[1]).toEqual(results[0]);
    const { outputs } = results[1] as { outputs: Record<string, RawTensor> };
    expect(outputs['one']).toEqual({ dtype: 'float32', shape: [WIDTH], data: TABLE.slice(7 * WIDTH, 8 * WIDTH) });
    expect(outputs['many']?.shape).toEqual([2, 3, 50, WIDTH]);
  });

  test('is read by one operation, of which nothing else reads the table', async () => {
    if (!hasEngine) return;
    const { state, table } = await stateOf('file');
    const run = compile(({ rows }) => ({ y: lookup(table, rows as tf.Tensor) }), { state });
    const { trace } = await run.profile({ rows: ids([2], 1, 2) });
    const names = trace.traceEvents.map(({ name }) => name);
    expect(names).toContain('VisualbertReadRows');
    expect(names).not.toContain('VisualbertReadFile');
    expect(names).not.toContain('GatherV2');
    await state.dispose();
  });

  test('has gradients of what is computed from its rows', async () => {
    if (!hasEngine) return;
    const { state, table } = await stateOf('file');
    const slope = (rows: tf.Tensor): tf.Tensor => tf.grad((x) => tf.sum(tf.square(x)))(lookup(table, rows));
    const { y } = await compile(({ rows }) => ({ y: slope(rows as tf.Tensor) }), { state })({ rows: ids([1], 4) });
    expect(y?.data).toEqual(TABLE.slice(4 * WIDTH, 5 * WIDTH).map((value) => 2 * value));
    await state.dispose();
  });

  test.each([ROWS, -1])('has no row %i', async (row) => {
    if (!hasEngine) return;
    for (const place of ['memory', 'file'] as const) {
      const { state, table } = await stateOf(place);
      const run = compile(({ rows }) => ({ y: lookup(table, rows as tf.Tensor) }), { state, name: 'words' });
      await expect(run({ rows: ids([2], 3, row) })).rejects.toThrow(`${row} is not in [0, ${ROWS})`);
      expect((await run({ rows: ids([2], 3, 0) }))['y']?.data[WIDTH]).toBe(TABLE[0]);
      await state.dispose();
    }
  });

  test('reports values that are not finite', async () => {
    if (!hasEngine) return;
    writeFileSync(path, bytesOf(TABLE.with(ROWS * WIDTH - 1, NaN)));
    const { state, found } = await stateOf('file');
    expect(found).toEqual([false]);
    await state.dispose();
  });

  test('survives that another file takes its name, and a new session', async () => {
    if (!hasEngine) return;
    const lines: string[] = [];
    const { state, table } = await stateOf('file', { maxSignatures: 1, log: (line) => lines.push(line) });
    writeFileSync(`${path}.new`, bytesOf(TABLE.map((value) => -value)));
    renameSync(`${path}.new`, path);
    const run = compile(({ rows }) => ({ y: lookup(table, rows as tf.Tensor) }), { state });
    for (const count of [1, 2, 3]) {
      const { y } = await run({ rows: ids([count], ...Array<number>(count).fill(2)) });
      expect(y?.data.slice(0, WIDTH)).toEqual(TABLE.slice(2 * WIDTH, 3 * WIDTH));
    }
    expect(lines.join('\n')).toContain('starting a new session');
    await state.dispose();
  });

  test('ends a call with an error once the file was cut off or overwritten', async () => {
    if (!hasEngine) return;
    const size = OFFSET + 4 * ROWS * WIDTH;
    const expected = `words: the file was overwritten after it was opened: expected ${size} bytes, received`;
    const changes: [string, () => void][] = [
      ['40', () => truncateSync(path, 40)],
      ['other ones', () => (writeFileSync(path, bytesOf(TABLE.map((value) => -value))), utimesSync(path, 1, 2))],
    ];
    for (const [received, change] of changes) {
      writeFileSync(path, bytesOf(TABLE));
      const { state, table } = await stateOf('file');
      const run = compile(({ rows }) => ({ y: lookup(table, rows as tf.Tensor) }), { state, name: 'words' });
      await run({ rows: ids([2], 3, 0) });
      change();
      const failure = run({ rows: ids([2], 3, 0) });
      await expect(failure).rejects.toThrow(`${expected} ${received}; load the model again`);
      await expect(state.read('table')).rejects.toThrow('the file was overwritten after it was opened');
      await state.dispose();
    }
  });

  test('is not written, nor filled from an array', async () => {
    if (!hasEngine) return;
    const { state, table } = await stateOf('file');
    const value: RawTensor = { dtype: 'float32', shape: [ROWS, WIDTH], data: TABLE };
    await expect(state.write('table', value)).rejects.toThrow('leave the table out of readOnly.tables');
    const assign = compile(() => ({ y: table.assign(tf.zeros([ROWS, WIDTH])) ?? tf.scalar(0) }), { state });
    await expect(assign({})).rejects.toThrow('"table" is read-only');
    await state.dispose();
    await expect(stateOf('file', { values: async () => TABLE })).rejects.toThrow(
      'leave the table out of readOnly.tables',
    );
  });

  test('is closed with the session, also where that cannot be created', async () => {
    if (!hasEngine) return;
    const { state, table } = await stateOf('file');
    expect(openFiles(path) ?? [path]).toHaveLength(1);
    await state.dispose();
    expect(table.isDisposed).toBe(true);
    expect(openFiles(path) ?? []).toEqual([]);
    truncateSync(path, 40);
    await expect(stateOf('file')).rejects.toThrow(
      'The values of "table" cannot be read: byte 40 of the file: it ends there',
    );
    expect(openFiles(path) ?? []).toEqual([]);
  });
});
