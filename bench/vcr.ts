// `node dist/bench/vcr.js`: compares VCR's features of one picture with PyTorch: time and differences.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { readVcrImages, readVcrScene, selectBackend, VcrFeatureExtractor, vcrRegions } from '../src/node.js';
import { median } from './report/statistics.js';
import { benchCache, canImport, checkoutFolder } from './subjects/python-env.js';
import { readTensors } from './subjects/tensors.js';

const REPEATS = 7;
/** Of the largest value. */
const BOUND = 1e-5;

const flags = await yargs(hideBin(process.argv))
  .usage('$0 [flags]\n\nVISUALBERT_PYTHON names a Python with torch, torchvision, pillow and matplotlib.')
  .option('backend', { choices: ['tensorflow', 'wasm'] as const, default: 'tensorflow' as const })
  .strict()
  .parseAsync();

const python = process.env.VISUALBERT_PYTHON ?? 'python3';
if (!canImport(python, 'torch, torchvision.ops, PIL, matplotlib, safetensors')) {
  throw new Error(`${python} cannot import torch, torchvision, PIL, matplotlib and safetensors; set VISUALBERT_PYTHON`);
}
const folder = join(benchCache(), 'vcr');
const maker = join(checkoutFolder(), 'test', 'fixtures', 'make_vcr.py');
const theirs = JSON.parse(execFileSync(python, [maker, '--full', folder], { encoding: 'utf8' })) as Measurements;

interface Measurements {
  /** Seconds. */
  reading: number;
  network: number;
}

await selectBackend({ backend: flags.backend });
const extractor = await VcrFeatureExtractor.load(join(folder, 'detector.safetensors'));
const [image] = await readVcrImages([join(folder, 'val.jsonl')], folder);
if (image === undefined) throw new Error(`${folder}: holds no picture`);
const [reading, network]: [number[], number[]] = [[], []];
let features = new Float32Array();
for (let i = 0; i < REPEATS; i++) {
  const begin = performance.now();
  const scene = await readVcrScene(image);
  const middle = performance.now();
  features = new Float32Array((await vcrRegions(extractor, scene)).features);
  reading.push(middle - begin);
  network.push(performance.now() - middle);
}
const expected = (await readTensors(join(folder, 'expected.safetensors'))).get('features')?.data ?? new Float32Array();
const largest = Math.max(...expected);
const apart = Math.max(...features.map((value, i) => Math.abs(value - (expected[i] ?? NaN))));
const ms = (seconds: number): string => `${(seconds * 1000).toFixed(0)} ms`;
console.log(`reading: ${median(reading).toFixed(0)} ms, Pillow and torchvision ${ms(theirs.reading)}`);
console.log(`network on ${flags.backend}: ${median(network).toFixed(0)} ms, PyTorch ${ms(theirs.network)}`);
console.log(`largest difference: ${apart.toExponential(1)} of values up to ${largest.toFixed(1)}`);
if (!(apart <= BOUND * largest)) throw new Error(`features differ by more than ${BOUND} of the largest value`);
