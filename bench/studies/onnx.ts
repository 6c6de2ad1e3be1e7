// `node dist/bench/studies/onnx.js --run RUN`: compares the answers of model.onnx and of its 8-bit form with the model's.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { convertCheckpoint, evaluateRun, onnxInputs, type PredictionPrecision } from '../../src/node.js';
import { openTask } from '../../src/tasks/open-task.js';
import { evaluateTask } from '../../src/evaluation/evaluate.js';
import { prepareEasyVqa } from '../data/easy-vqa-data.js';
import { fetchEasyVqa } from '../data/fetch-easy-vqa.js';
import { benchCache, requirePython } from '../subjects/python-env.js';
import { writeSection } from '../report/results.js';

const BATCH_SIZE = 64;

const flags = await yargs(hideBin(process.argv))
  .usage(
    '$0 --run RUN\n\nEvaluates a run of easy-VQA as model.onnx, and quantised by onnxruntime; writes the result into docs/results.md.',
  )
  .option('run', {
    string: true,
    demandOption: true,
    describe: 'run folder that easy-vqa.js or `visualbert train vqa` wrote',
  })
  .option('data', {
    string: true,
    defaultDescription: "the authors' package on PyPI",
    describe: 'folder with train, test and answers.txt of easy-VQA',
  })
  .strict()
  .parseAsync();

const python = requirePython((line) => console.error(line));
const { validationQuestions: questions, features } = prepareEasyVqa(
  flags.data ?? fetchEasyVqa(python),
  join(benchCache(), 'easy-vqa', 'data'),
);
const data = { questions, features };
const folder = mkdtempSync(join(tmpdir(), 'visualbert-onnx-'));
const [whole, quantised] = ['model.onnx', 'model-int8.onnx'].map((name) => join(folder, name)) as [string, string];
try {
  await convertCheckpoint(flags.run, { outDir: folder, format: 'onnx' });
  const quantise = 'import sys; from onnxruntime.quantization import quantize_dynamic; quantize_dynamic(*sys.argv[1:])';
  execFileSync(python, ['-c', quantise, whole, quantised], { stdio: ['ignore', 'ignore', 'inherit'] });
  const evaluation = { task: 'vqa', model: flags.run, data, purpose: 'evaluate', batchSize: BATCH_SIZE } as const;
  const own = async (precision: PredictionPrecision): Promise<number> =>
    (await evaluateRun({ ...evaluation, precision })).metrics['accuracy'] ?? NaN;
  const { count, metrics } = await evaluateRun(evaluation);
  const rows = [
    ['this package', metrics['accuracy'] ?? NaN, null],
    ['this package, bf16', await own('bf16'), null],
    ['this package, int8', await own('int8'), null],
    ['`model.onnx`', await accuracyOf(whole), whole],
    ['`model.onnx` after `quantize_dynamic`', await accuracyOf(quantised), quantised],
  ] as const;
  const table = rows.map(
    ([name, accuracy, file]) =>
      `| ${name} | ${accuracy.toFixed(2)} | ${file === null ? '' : `${(statSync(file).size / 1e6).toFixed(2)} MB`} |`,
  );
  const text = `## easy-VQA in onnxruntime

\`npm run build && node dist/bench/studies/onnx.js --run RUN\`, RUN: a run of easy-VQA; the results are of one epoch, one seed

Accuracy on ${count} test questions of one run, computed by this package and by onnxruntime-node from what
\`visualbert convert RUN OUT --format onnx\` wrote, unchanged and quantised to 8 bits by onnxruntime's \`quantize_dynamic\`; by this package also in the precisions of prediction.

| model | accuracy, % | file |
|---|---|---|
${table.join('\n')}
`;
  console.log(text);
  writeSection('onnx', text);
} finally {
  rmSync(folder, { recursive: true });
}

/** Accuracy of an ONNX model in percent. */
async function accuracyOf(path: string): Promise<number> {
  const session = await InferenceSession.create(path);
  const opened = await openTask('vqa', data, { purpose: 'evaluate', model: flags.run });
  try {
    const metrics = await evaluateTask({
      task: opened.task,
      dataset: opened.data,
      batchSize: BATCH_SIZE,
      seed: 0,
      padBatches: false,
      hasLabels: true,
      outputs: async (inputs) => {
        const tensors = Object.entries(onnxInputs(inputs));
        const feeds = tensors.map(([name, one]) => [name, new Tensor(one.type, one.data, one.dims)] as const);
        const { logits } = await session.run(Object.fromEntries(feeds));
        if (logits === undefined) throw new Error(`${path}: has no output logits`);
        return { logits: { dtype: 'float32', shape: [...logits.dims], data: logits.data as Float32Array } };
      },
    });
    return metrics?.['accuracy'] ?? NaN;
  } finally {
    await opened.close();
    await session.release();
  }
}
