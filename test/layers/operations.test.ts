// Every tfjs operation that layers, losses, random numbers and docs use gives the same values on WebAssembly, on WebGL (in Chromium, where
// there is one) and on the native engine as on the plain JavaScript backend. What tfjs computes wrongly is listed, and stays out of the code.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { selectBackend } from '../../src/engine/select-backend.js';
import '../../src/layers/segment-sum.js';
import { useBackend } from '../helpers/backend.js';
import { hasChromium, openChromium } from '../helpers/machine/chromium.js';
import {
  type Case,
  createValues,
  OPERATION_CASES,
  WRONG_FORMS,
  type WrongForm,
} from '../helpers/kernels/operation-cases.js';

/** Sums in another order, and other polynomials for erf and exp. */
const TOLERANCE = 2e-5;

const CASES = Object.entries(OPERATION_CASES).flatMap(([operation, forms]) =>
  Object.entries(forms).map(([form, run]) => ({ name: `${operation} ${form}`, run })),
);

const hasWebgl = hasChromium('WebGL is compared in a browser');
const { backend: best, reason } = await useBackend();
if (best !== 'tensorflow') process.stderr.write(`skipped: the native engine is not compared; ${reason}\n`);

interface Result {
  shape: number[];
  dtype: string;
  values: number[];
}

async function resultOf(run: Case): Promise<Result> {
  const tensor = tf.tidy(() => run(tf, createValues(tf)));
  const result = { shape: tensor.shape, dtype: tensor.dtype, values: Array.from(await tensor.data()) };
  tensor.dispose();
  return result;
}

function expectSame(got: Result | undefined, want: Result | undefined, name: string): void {
  expect([name, got?.shape, got?.dtype]).toEqual([name, want?.shape, want?.dtype]);
  want?.values.forEach((value, i) => {
    const other = got?.values[i] ?? NaN;
    const isSame = Object.is(value, other) || Math.abs(value - other) <= TOLERANCE * Math.max(1, Math.abs(value)) || value === other; // prettier-ignore
    expect(isSame ? name : `${name}: ${other} in place of ${value} at ${i}`).toBe(name);
  });
}

const expected = new Map<string, Result>();
beforeAll(async () => {
  await selectBackend({ backend: 'cpu' });
  for (const { name, run } of CASES) expected.set(name, await resultOf(run));
});
afterAll(async () => {
  await useBackend();
});

describe.each(best === 'tensorflow' ? (['wasm', 'tensorflow'] as const) : (['wasm'] as const))('on %s', (backend) => {
  test.each(CASES)('$name', async ({ name, run }) => {
    await selectBackend({ backend });
    expectSame(await resultOf(run), expected.get(name), name);
  });
});

/** Runs cases with tfjs's own bundle on WebGL. */
async function onWebgl(cases: { name: string; run: Case }[]): Promise<Record<string, Result>> {
  const browser = await openChromium({ gpu: true });
  try {
    const page = await browser.newPage();
    await page.addScriptTag({ path: 'node_modules/@tensorflow/tfjs/dist/tf.min.js' });
    const texts = cases.map(({ name, run }) => `[${JSON.stringify(name)}, ${run.toString()}]`);
    return await page.evaluate(`(async () => {
      if (!(await tf.setBackend('webgl'))) throw new Error('no WebGL');
      const createValues = ${createValues.toString()};
      const results = {};
      for (const [name, run] of [${texts.join(',\n')}]) {
        try {
          const tensor = tf.tidy(() => run(tf, createValues(tf)));
          results[name] = { shape: tensor.shape, dtype: tensor.dtype, values: Array.from(await tensor.data()) };
          tensor.dispose();
        } catch (error) {
          results[name] = { shape: [], dtype: error.message, values: [] };
        }
      }
      return results;
    })()`);
  } finally {
    await browser.close();
  }
}

(hasWebgl ? test : test.skip)('on webgl', async () => {
  const wrong = Object.entries(WRONG_FORMS).map(([name, { form }]) => ({ name, run: form }));
  const results = await onWebgl([...CASES, ...wrong]);
  for (const { name } of CASES) expectSame(results[name], expected.get(name), name);
  for (const [name, form] of Object.entries(WRONG_FORMS)) expectAsListed(name, form, 'webgl', results[name]);
});

/** The result is wrong where the list says so, and right elsewhere: an entry goes when tfjs has mended it. */
function expectAsListed(name: string, { on, right, isByLuck }: WrongForm, backend: string, result?: Result): void {
  const values = result?.values ?? [];
  const isRight = values.length === right.length && values.every((value, i) => Object.is(value, right[i]));
  if (isByLuck === true && on.includes(backend)) return;
  expect([name, backend, isRight]).toEqual([name, backend, !on.includes(backend)]);
}

describe('what tfjs computes wrongly', () => {
  test.each(Object.entries(WRONG_FORMS))(
    '%s is wrong where the list says, and right elsewhere',
    async (name, wrong) => {
      for (const backend of ['cpu', 'wasm'] as const) {
        await selectBackend({ backend });
        expectAsListed(name, wrong, backend, await resultOf(wrong.form));
      }
    },
  );

  test('docs and code do not use it', () => {
    const texts = [...sources('src'), ...sources('docs'), ...sources('examples'), 'README.md'].map((path) => [path, readFileSync(path, 'utf8')]); // prettier-ignore
    const wrong = /oneHot\((?!\.\.\.)[^()]*'float32'\)|\.cast\('bool'\)|tf\.cast\([^;]*'bool'\)|toBool\(\)/;
    expect(texts.filter(([, text]) => wrong.test(text ?? '')).map(([path]) => path)).toEqual([]);
  });
});

/** Names of `tf` that compute nothing, or that only make tensors of given values. */
const NO_OPERATIONS = new Set(
  'backend data dispose engine getBackend getKernel input keep memory model ready registerKernel setBackend tensor tensor1d tensor2d tensor3d tensor4d tidy unregisterKernel valueAndGrads variable variableGrads print'.split(
    ' ',
  ),
);

function sources(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) return name === 'api' ? [] : sources(path);
    return /\.(ts|md)$/.test(name) ? [path] : [];
  });
}

test('every operation that layers, models, losses, random numbers and docs call has cases', () => {
  const used = new Set<string>();
  for (const path of [
    ...['src/layers', 'src/models', 'src/random', 'docs'].flatMap(sources),
    'README.md',
    'src/fused.ts',
  ]) {
    const text = readFileSync(path, 'utf8');
    for (const [, name = ''] of text.matchAll(/\btf\.([a-z]\w*)\(/g)) used.add(name);
    if (!path.endsWith('.md')) continue;
    for (const [, name = ''] of text.matchAll(/\)\.([a-z]\w*)\(/g)) if (name in tf.Tensor.prototype) used.add(name);
  }
  const missing = [...used].filter((name) => !NO_OPERATIONS.has(name) && !(name in OPERATION_CASES));
  expect(missing).toEqual([]);
});
