// `npm run bench`: measures this package and PyTorch on this machine in turns, with ratios and goals.
import { writeFileSync } from 'node:fs';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { makeVqaQuestions } from './data/vqa-questions.js';
import { measureCheckpoint } from './training/checkpoint.js';
import { measureDetectors } from './detector.js';
import { measureDistributed } from './distributed/measure.js';
import { measureEpoch } from './training/epoch.js';
import { isReached, markdownTable, type Row } from './report/rows.js';
import { measureConvert, measureInspect, measureLeak, measureLoad, measureSave } from './files.js';
import { DEFAULT_BATCHES, OTHER_MEASUREMENTS, OTHERS, PYTORCH, STEP_MEASUREMENTS } from './measurements.js';
import { multipliesBfloat16 } from './machine/processor.js';
import { requirePython } from './subjects/python-env.js';
import { measureServe } from './serve/measure.js';
import { measureAgreement, measureSteps } from './training/steps.js';
import { measureStartUp } from './start-up.js';
import { measureWholeRun } from './training/whole-run.js';

const NAMES = [...OTHER_MEASUREMENTS, ...STEP_MEASUREMENTS.map(({ name }) => name)];

const flags = await yargs(hideBin(process.argv))
  .scriptName('npm run bench --')
  .usage(
    '$0 [flags]\n\nVisualBERT base, 20 tokens and 36 regions of 2048, VQA head: this package and PyTorch on the same machine, in turns.\n' +
      'Requires Python 3.9 or newer; VISUALBERT_PYTHON names one with torch and transformers, else an environment is created in the cache.',
  )
  .option('only', {
    array: true,
    choices: NAMES,
    default: NAMES.filter((name) => name !== 'detector'),
    describe: 'measurements to run',
  })
  .option('batch', {
    array: true,
    number: true,
    defaultDescription: '8; 64 and 256 on a GPU; 32 for the epoch',
    describe: 'batch sizes',
  })
  .option('rounds', { number: true, default: 4, describe: 'turns of each side; the first is for warming up' })
  .option('steps', { number: true, default: 4, describe: 'steps per turn' })
  .option('seconds', { number: true, default: 60, describe: 'seconds of load on each server' })
  .option('threads', { number: true, default: 2, describe: 'threads of each process' })
  .option('workers', {
    array: true,
    number: true,
    default: [1, 2, 4],
    describe: 'numbers of workers of the distributed steps',
  })
  .option('gbits', {
    number: true,
    default: Infinity,
    defaultDescription: 'not limited',
    describe: 'rate to which `tc` limits the loopback device, for the model of distributed steps',
  })
  .option('copy-ns', {
    number: true,
    defaultDescription: 'from the measurement with two workers',
    describe: 'time of a core per sent byte, for the same model',
  })
  .option('device', { choices: ['cpu', 'gpu'] as const, default: 'cpu' as const, describe: 'device of both sides' })
  .option('without', {
    array: true,
    choices: OTHERS,
    default: [],
    describe: 'participants to leave out',
  })
  .option('data', {
    string: true,
    defaultDescription: 'generated questions with the lengths of VQA 2.0',
    describe:
      'for the epoch and the whole run: folder with questions.json, annotations.json, answers.txt and vocab.txt',
  })
  .option('eager', { boolean: true, default: false, describe: 'check agreement and leaks of the eager step only' })
  .option('profile', {
    string: true,
    describe: 'folder for a Chrome trace of one of our steps per measurement; default: profiles',
  })
  .option('json', { string: true, describe: 'also write the rows to this file' })
  .strict()
  .parseAsync();

const log = (line: string): void => console.error(line);
const python = requirePython(log, flags.device);
const { threads, rounds } = flags;
const rows: Row[] = [];
const wanted = new Set<string>(flags.only);
const kinds = flags.eager ? [false] : [false, true];
const stepOptions = {
  python,
  rounds,
  stepsPerRound: flags.steps,
  threads,
  device: flags.device,
  without: flags.without,
  ...(flags.profile === undefined ? {} : { profiles: flags.profile || 'profiles' }),
  log,
  print: (text: string): void => console.log(text),
};
const batches: readonly number[] = flags.batch ?? DEFAULT_BATCHES[flags.device];

/** Prints the rows of each measurement when it is done. */
async function measure(title: string, make: () => Promise<Row[]>): Promise<void> {
  log(title);
  try {
    const made = await make();
    rows.push(...made);
    console.log(`\n${title}\n${markdownTable(made)}`);
  } catch (error) {
    process.exitCode = 1;
    console.log(`\n${title}\nfailed: ${error instanceof Error ? error.message : String(error)}`);
  }
}

if (wanted.has('agreement')) {
  await measure('agreement with PyTorch', async () =>
    (await inOrder(kinds, (compiled) => measureAgreement(compiled, { ...stepOptions, batch: 8 }))).flat(),
  );
}
const lacksBfloat16 = flags.device === 'cpu' && !multipliesBfloat16();
const precisions = lacksBfloat16 ? (['fp32'] as const) : (['fp32', 'bf16'] as const);
if (lacksBfloat16) log('left out: PyTorch in bf16, which takes minutes per step on processors without AVX-512');
for (const measurement of STEP_MEASUREMENTS) {
  const { name, title, precision, participants } = measurement;
  const slow = lacksBfloat16 && precision === 'bf16' ? PYTORCH : [];
  const isAlone = participants.every(({ label, engine }) => engine === 'tfjs' || slow.includes(label));
  if (!wanted.has(name) || isAlone || (flags.device === 'gpu' && precision === 'int8')) continue;
  const without = [...flags.without, ...slow];
  for (const batch of batches)
    await measure(`${title}, batch ${batch}`, () => measureSteps(measurement, { ...stepOptions, without, batch }));
}
const fileOptions = { python, rounds, threads, log };
if (wanted.has('load')) await measure('loading', () => measureLoad(fileOptions));
if (wanted.has('save')) await measure('saving', () => measureSave(fileOptions));
if (wanted.has('checkpoint')) await measure('checkpoints of a step', () => measureCheckpoint(fileOptions));
if (wanted.has('convert')) await measure('converting', () => measureConvert(fileOptions));
if (wanted.has('inspect')) await measure('inspecting', () => measureInspect(fileOptions));
if (wanted.has('epoch')) {
  for (const batch of flags.batch ?? DEFAULT_BATCHES.epoch) {
    const options = {
      python,
      batch,
      steps: 2 * flags.steps,
      threads,
      device: flags.device,
      precisions,
      data: flags.data ?? makeVqaQuestions(),
      log,
    };
    await measure(`a real run, batch ${batch}`, () => measureEpoch(options));
  }
}
if (wanted.has('whole-run')) {
  for (const batch of batches) {
    const options = { python, batch, threads, data: flags.data ?? makeVqaQuestions(), log };
    await measure(`a whole run, batch ${batch}`, () => measureWholeRun(options));
  }
}
if (wanted.has('detector')) {
  await measure('regions of a picture', () => measureDetectors({ ...fileOptions, precisions }));
}
if (wanted.has('serve')) {
  const { seconds, data = makeVqaQuestions() } = flags;
  await measure('serving', () => measureServe({ python, data, threads, rounds, seconds, log }));
}
if (wanted.has('start-up')) {
  const { data = makeVqaQuestions() } = flags;
  await measure('start-up to the first answer', () => measureStartUp({ ...fileOptions, data }));
}
if (wanted.has('distributed')) {
  const { workers, gbits, copyNs = null } = flags;
  for (const batch of batches) {
    const options = { ...stepOptions, batch, workers, gbits, copyNs };
    await measure(`steps of several workers, batch ${batch}`, () => measureDistributed(options));
  }
}
if (wanted.has('leak')) {
  await measure('leaks', async () =>
    (await inOrder(kinds, (compiled) => measureLeak({ ...fileOptions, compiled, steps: 500 }))).flat(),
  );
}

if (flags.json !== undefined)
  writeFileSync(flags.json, `${JSON.stringify({ made: new Date().toISOString(), threads, rows }, null, 1)}\n`);
const missed = rows.filter((row) => isReached(row) === false);
console.log(
  `\n${rows.length} measurements, ${missed.length} goals missed${missed.length > 0 ? `:\n${missed.map(({ what, batch }) => `  ${what}${batch === null ? '' : `, batch ${batch}`}`).join('\n')}` : ''}`,
);

async function inOrder<T, R>(items: readonly T[], make: (item: T) => Promise<R>): Promise<R[]> {
  const made: R[] = [];
  for (const item of items) made.push(await make(item));
  return made;
}
