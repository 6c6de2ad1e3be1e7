// Every parity fixture as an ONNX model in Node, and every class in Python: onnx's checker, onnxruntime and its quantisation.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RawTensor } from '../../src/raw-tensor.js';
import { useBackend } from '../helpers/backend.js';
import { modelOf } from '../helpers/parity/fixture-model.js';
import { section } from '../helpers/parity/fixture.js';
import { fixtureNames, readFixture } from '../helpers/parity/fixtures.js';
import {
  exportOnnx,
  farthest,
  forwardOutputs,
  graphInputsOf,
  isGraphCall,
  ONNX_TOLERANCE,
  graphInputs,
  OnnxRuntime,
  sizedInputs,
} from '../helpers/onnx/onnx.js';
import { difference, largest, norm } from '../helpers/parity/parity.js';
import { findPython, runPython } from '../helpers/machine/python.js';
import { slowCount } from '../helpers/slow-share.js';
import { MODEL_NAMES, tinyModel } from '../helpers/models/tiny-model.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

interface Answer {
  outputs: Record<string, number[]>;
  quantised: Record<string, number[]>;
  share: number;
}

/** 8 bits for weights and for what they multiply, in models of 12 units, whose few weights have little to average. */
const QUANTISED_ERROR = 0.1;

const scratch = temporaryFolder();
let runtime: OnnxRuntime;
beforeAll(async () => {
  await useBackend();
  runtime = new OnnxRuntime();
});
afterAll(async () => {
  await runtime.close();
});

const graphCalls = fixtureNames().filter((name) => isGraphCall(readFixture(name)));

test.each(graphCalls.slice(0, slowCount(graphCalls.length)))('has the outputs of PyTorch: %s', async (name) => {
  const fixture = readFixture(name);
  const model = modelOf(fixture);
  await exportOnnx(model, join(scratch, name));
  const inputs = graphInputs(model, graphInputsOf(fixture));
  const outputs = await runtime.run(join(scratch, name, 'model.onnx'), inputs);
  const expected = section(fixture, 'outputs');
  for (const output of expected.keys()) if (!outputs.has(output)) expected.delete(output); // the loss
  expect(farthest(outputs, expected)).toBeLessThan(ONNX_TOLERANCE);
  model.dispose();
});

const found = findPython(['onnx', 'onnxruntime']);
describe('in Python', () => {
  const title = 'passes the checker, has the same outputs, and similar ones once quantised';
  if ('reason' in found) {
    test.skip(`${title} (skipped: ${found.reason})`, () => undefined);
    return;
  }
  test.each([false, true])(`${title}: bypassTransformer %s`, async (bypassTransformer) => {
    const cases: { path: string; inputs: object; expected: Map<string, RawTensor> }[] = [];
    for (const name of MODEL_NAMES) {
      const model = tinyModel(name, { bypassTransformer });
      for (const [i, maxShardSize] of ['2GB', '4KB'].entries()) {
        const folder = join(scratch, `${name}-${bypassTransformer}-${i}`);
        mkdirSync(folder);
        await exportOnnx(model, folder, { maxShardSize });
        const inputs = sizedInputs(name, { b: 3 + i, t: 7, v: 5 });
        const plain = Object.entries(graphInputs(model, inputs)).map(([input, { data, ...rest }]) => [
          input,
          { ...rest, data: Array.from(data as ArrayLike<number | bigint>, Number) },
        ]);
        const expected = await forwardOutputs(model, inputs);
        cases.push({ path: join(folder, 'model.onnx'), inputs: Object.fromEntries(plain), expected });
      }
      model.dispose();
    }
    const request = join(scratch, `request-${bypassTransformer}.json`);
    writeFileSync(request, JSON.stringify(cases));
    const answers = runPython<Answer[]>(found.python, 'test/fixtures/run_onnx.py', [request]);
    expect(answers.length).toBe(cases.length);
    for (const [i, { outputs, quantised }] of answers.entries()) {
      for (const [name, { data }] of cases[i]?.expected ?? []) {
        const key = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
        expect(largest(difference(outputs[key] ?? [], data))).toBeLessThan(ONNX_TOLERANCE);
        const masked = data.map((x) => (x < -1e30 ? 0 : x));
        const received = (quantised[key] ?? []).map((x) => (x < -1e30 ? 0 : x));
        expect(received.length).toBe(data.length);
        expect(norm(difference(received, masked)) / norm(masked)).toBeLessThan(QUANTISED_ERROR);
      }
    }
  });
});
