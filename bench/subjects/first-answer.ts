// Our process of ../start-up.ts: answers one question. `node first-answer.js FOLDER PRECISION THREADS QUESTION`.
import { pipeline, type PredictionPrecision, selectBackend } from 'visualbert-tfjs/node';

/** Regions of an image and their width. */
const [COUNT, DIM] = [36, 2048];

const [folder = '', precision, threads, question = ''] = process.argv.slice(2);
const importedMs = performance.now(); // since the process began
await selectBackend({ backend: 'tensorflow', threads: Number(threads) });
const engineMs = performance.now();
const ask = await pipeline('visual-question-answering', folder, { precision: precision as PredictionPrecision });
const loadedMs = performance.now();
const regions = { features: new Float32Array(COUNT * DIM).fill(0.5), count: COUNT, dim: DIM };
const [best] = await ask({ question, regions });
const answeredMs = performance.now();
const { user, system } = process.cpuUsage();
const processorMs = (user + system) / 1000;
console.log(JSON.stringify({ importedMs, engineMs, loadedMs, answeredMs, processorMs, answer: best?.answer }));
await ask.dispose();
