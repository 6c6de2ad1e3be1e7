// `node dist/bench/studies/ablation.js`: the paper's ablation on the synthetic twin: the effect of pre-training on captions and of early fusion.
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { trainTwin, type Twin, TWINS, writeTwins } from '../../examples/shapes/twins.js';
import { type TwinPaths, twinPaths } from '../../examples/shapes/write-twins.js';
import { mean, standardError } from '../report/statistics.js';
import { KeptRuns, KEPT_RUNS_FLAGS, SEEDS_FLAG } from '../data/kept-runs.js';
import { writeSection } from '../report/results.js';

const flags = await yargs(hideBin(process.argv))
  .usage(
    '$0 [flags]\n\nTrains the variants and writes the table into docs/results.md. Runs that are done are kept in the cache, so a stopped ' +
      'comparison goes on where it was. About 11 minutes for each seed on 2 cores.',
  )
  .option('seeds', { ...SEEDS_FLAG, describe: 'seeds of data, weights and order' })
  .options(KEPT_RUNS_FLAGS)
  .strict()
  .parseAsync();

/** Many captions, few questions: 300 of each of five kinds, and 300 statements of each of six. */
const DATA = { trainScenes: 3000, testScenes: 1500, perTemplate: 300 };
/** Matching a caption to its picture is learnt late: at the twins' rate of 1.5e-3 some seeds never do. */
const PRETRAINING = { maxSteps: 12_000, learningRate: 7e-4 };
const TUNING_STEPS = 800;
const TASKS = ['vqa', 'nlvr'] as const;

interface Variant {
  readonly name: string;
  /** What the regions show in pre-training; null: no pre-training. */
  readonly regions: 'real' | 'zeroed' | null;
  readonly modelConfig: Readonly<Record<string, unknown>>;
}

const VARIANTS: readonly Variant[] = [
  { name: 'pre-trained on captions, early fusion', regions: 'real', modelConfig: {} },
  { name: 'without early fusion', regions: 'real', modelConfig: { bypassTransformer: true } },
  { name: 'pre-trained on the captions without their pictures', regions: 'zeroed', modelConfig: {} },
  { name: 'without pre-training', regions: null, modelConfig: {} },
];

const runs = new KeptRuns('ablation', flags);
const accuracies = VARIANTS.map(() => TASKS.map((): number[] => []));
for (const seed of flags.seeds) {
  const paths = await dataOf(seed);
  for (const [i, variant] of VARIANTS.entries()) {
    const model = await pretrained(variant, paths, seed);
    for (const [j, task] of TASKS.entries()) {
      const start = model === null ? { modelConfig: variant.modelConfig } : { model };
      const twin = { ...(TWINS[task] as Twin), maxSteps: TUNING_STEPS };
      const metrics = await runs.metrics(`${task}-${i}-${seed}`, (outputDir) =>
        trainTwin(twin, { paths, outputDir, seed, ...start }),
      );
      accuracies[i]?.[j]?.push(metrics['accuracy'] ?? NaN);
    }
  }
}
const text = report();
console.log(text);
writeSection('ablation', text);

async function dataOf(seed: number): Promise<TwinPaths> {
  const path = join(runs.folder, `data-${seed}`);
  const done = join(path, 'done');
  if (!existsSync(done)) {
    runs.requireTime();
    await writeTwins(path, { seed, ...DATA });
    writeFileSync(done, '');
  }
  return twinPaths(path);
}

/** The folder of the pre-trained model, or null for a variant without. */
async function pretrained({ regions, modelConfig }: Variant, paths: TwinPaths, seed: number): Promise<string | null> {
  if (regions === null) return null;
  const name = `pretraining-${regions}${Object.keys(modelConfig).length > 0 ? '-late' : ''}-${seed}`;
  const run = { paths, seed, modelConfig, data: { regions }, training: PRETRAINING };
  await runs.metrics(name, (outputDir) => trainTwin(TWINS['pretraining'] as Twin, { ...run, outputDir }));
  return join(runs.folder, name);
}

function report(): string {
  const rows = VARIANTS.map(({ name }, i) => {
    const cells = TASKS.map((_, j) => {
      const values = accuracies[i]?.[j] ?? [];
      const shown = (of: readonly number[]): string => `${mean(of).toFixed(1)} +- ${standardError(of).toFixed(1)}`;
      // The same seed has the same data: changes are taken seed by seed.
      const changes = values.map((value, k) => value - (accuracies[0]?.[j]?.[k] ?? NaN));
      return ` ${shown(values)} | ${i === 0 ? '' : shown(changes)} |`;
    });
    return `| ${name} |${cells.join('')}`;
  });
  return `## Ablation on the synthetic twin

\`npm run build && node dist/bench/studies/ablation.js\`

The rows of the paper's ablations that concern pre-training and fusion, on the quickstart's scenes of colored shapes (\`examples/shapes/\`) instead of
photographs: a model of 2 layers and 64 units, ${PRETRAINING.maxSteps} updates of pre-training at a peak rate of ${PRETRAINING.learningRate} on the captions of ${DATA.trainScenes} scenes (masked words, and whether the
caption belongs to the picture), then ${TUNING_STEPS} updates of fine-tuning on few examples: ${DATA.perTemplate} of each of five kinds of questions (VQA) or six kinds of
statements (NLVR), batch 32. Accuracy in percent on ${DATA.testScenes} held-out scenes, mean and standard error over seeds ${flags.seeds.join(', ')} (data, weights and order); the
changes are to the first row, seed by seed. Without pictures, guessing reaches 28% (VQA) and 50% (NLVR). Without early fusion (\`bypassTransformer\`) the
regions are combined with the text only in an additional layer after the encoder, as in the paper.

| | VQA, % | change | NLVR, % | change |
|---|---|---|---|---|
${rows.join('\n')}
`;
}
