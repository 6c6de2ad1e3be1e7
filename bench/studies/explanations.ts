// `node dist/bench/studies/explanations.js`: evaluates explanations on the synthetic twins, and which heads ground phrases.
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { trainTwin, type Twin, twinData, TWINS, writeTwins } from '../../examples/shapes/twins.js';
import { twinPaths } from '../../examples/shapes/write-twins.js';
import { evaluateExplanations, evaluateHeads } from '../../src/node.js';
import { mean, standardError } from '../report/statistics.js';
import { KeptRuns, KEPT_RUNS_FLAGS, SEEDS_FLAG } from '../data/kept-runs.js';
import { writeSection } from '../report/results.js';

const flags = await yargs(hideBin(process.argv))
  .usage(
    '$0 [flags]\n\nTrains twins over seeds, judges their explanations and heads, and writes the tables into docs/results.md. Runs that are done are kept ' +
      'in the cache, so a stopped command goes on where it was. About an hour on 2 cores.',
  )
  .option('seeds', { ...SEEDS_FLAG, describe: 'seeds of weights and order' })
  .options(KEPT_RUNS_FLAGS)
  .strict()
  .parseAsync();

/** A judged model: a twin, trained longer than for its own table, since only explanations of right answers can be judged by accuracy. */
interface Judged {
  twin: string;
  maxSteps: number;
  /** The judged model that it starts from. */
  after?: string;
  /** More layers, at a lower rate: the attention of the last one is then less informative. */
  layers?: number;
}

/** The rate of models with more layers. */
const DEEP_RATE = 8e-4;
const JUDGED: Record<string, Judged> = {
  vqa: { twin: 'vqa', maxSteps: 8000 },
  'vqa, 6 layers': { twin: 'vqa', maxSteps: 8000, layers: 6 },
  nlvr2: { twin: 'nlvr2', maxSteps: 3000, after: 'vqa' },
  'nlvr2, 6 layers': { twin: 'nlvr2', maxSteps: 3000, after: 'vqa, 6 layers', layers: 6 },
  'vcr Q->A': { twin: 'vcr Q->A', maxSteps: 1500 },
  flickr: { twin: 'flickr', maxSteps: 600 },
};
const GROUNDED = 'flickr';
const RANKINGS = ['relevance', 'rollout', 'attention', 'random'];

const runs = new KeptRuns('explanations', flags);
const data = join(runs.folder, 'data');
const paths = existsSync(join(data, 'done')) ? twinPaths(data) : await writeTwins(data, { seed: 0 });
writeFileSync(join(data, 'done'), '');

const nameOf = (name: string, seed: number): string => `${name.replace(/\W+/g, '-')}-${seed}`;
const judgedAs = (name: string): Judged => JUDGED[name] as Judged;
const twinOf = (name: string): Twin => TWINS[judgedAs(name).twin] as Twin;

/** Trains a model, and the one that it starts from. */
async function trained(name: string, seed: number): Promise<string> {
  const { maxSteps, after, layers } = judgedAs(name);
  const start =
    after === undefined
      ? { modelConfig: layers === undefined ? {} : { numHiddenLayers: layers } }
      : { model: await trained(after, seed) };
  const training = { maxSteps, ...(layers === undefined ? {} : { learningRate: DEEP_RATE }) };
  const run = { paths, seed, training, ...start };
  await runs.metrics(nameOf(name, seed), (outputDir) => trainTwin(twinOf(name), { ...run, outputDir }));
  return join(runs.folder, nameOf(name, seed));
}

/** Areas by parts, ranking and order, and the accuracy with nothing removed. */
async function areasOf(name: string, seed: number): Promise<Record<string, number>> {
  const model = await trained(name, seed);
  const twin = twinOf(name);
  return runs.metrics(`${nameOf(name, seed)}-areas`, async () => {
    const options = { task: twin.task, model, data: twinData(twin, paths, 'test'), seed };
    const { curves } = await evaluateExplanations(options);
    const areas = curves.map(({ parts, ranking, first, area }) => [`${parts} ${ranking} ${first}`, area]);
    return { whole: curves[0]?.accuracies[0] ?? NaN, ...Object.fromEntries(areas) };
  });
}

function shown(values: readonly number[]): string {
  return `${mean(values).toFixed(1)} +- ${standardError(values).toFixed(1)}`;
}

const rows: string[] = [];
const verdicts: string[] = [];
for (const name of Object.keys(JUDGED)) {
  const seeds: Record<string, number>[] = [];
  for (const seed of flags.seeds) seeds.push(await areasOf(name, seed));
  const column = (key: string): number[] => seeds.map((one) => one[key] ?? NaN);
  for (const parts of ['regions', 'words']) {
    if (Number.isNaN(column(`${parts} random most`)[0])) continue; // phrases choose between the regions
    const beats = (other: string): string => {
      const isBetter = (first: string, sign: number): boolean =>
        sign * (mean(column(`${parts} relevance ${first}`)) - mean(column(`${parts} ${other} ${first}`))) > 0;
      const better = [isBetter('most', -1), isBetter('least', 1)].filter(Boolean).length;
      return ['no', 'in one direction', 'yes'][better] as string;
    };
    verdicts.push(`| ${name} | ${parts} | ${beats('random')} | ${beats('attention')} | ${beats('rollout')} |`);
    for (const ranking of RANKINGS) {
      const [most, least] = [column(`${parts} ${ranking} most`), column(`${parts} ${ranking} least`)];
      const gap = least.map((value, i) => value - (most[i] as number));
      rows.push(
        `| ${name} | ${shown(column('whole'))} | ${parts} | ${ranking} | ${shown(most)} | ${shown(least)} | ${shown(gap)} |`,
      );
    }
  }
}

const headRows: string[] = [];
for (const seed of flags.seeds) {
  const model = await trained(GROUNDED, seed);
  const twin = twinOf(GROUNDED);
  const metrics = await runs.metrics(`${nameOf(GROUNDED, seed)}-heads`, async () => {
    const { heads, best, baseline } = await evaluateHeads({
      task: twin.task,
      model,
      data: twinData(twin, paths, 'test'),
    });
    const named = heads.flatMap((row, layer) => row.map((accuracy, head) => [`${layer} ${head}`, accuracy]));
    return { ...Object.fromEntries(named), best: best.accuracy, baseline: baseline.accuracy };
  });
  const of = (layer: number): string =>
    [0, 1, 2, 3].map((head) => (100 * (metrics[`${layer} ${head}`] ?? NaN)).toFixed(1)).join(', ');
  headRows.push(
    `| ${seed} | ${of(0)} | ${of(1)} | ${(100 * (metrics['best'] ?? NaN)).toFixed(1)} | ${(100 * (metrics['baseline'] ?? NaN)).toFixed(1)} |`,
  );
}

const text = `## Evaluation of explanations

\`npm run build && node dist/bench/studies/explanations.js\`

The synthetic twins, trained over seeds ${flags.seeds.join(', ')} (weights and order) as by \`bench/studies/explanations.ts\`. Regions, or words, are removed in the shares of the
perturbation test of [Chefer et al. 2021](https://arxiv.org/abs/2103.15679), as by \`visualbert explain --evaluate\` ([explain](explain.md)): the area under the accuracy in percent (for
phrases R@1), mean and standard error over the seeds, while the most relevant go first (lower is better) and while the least relevant go first (higher is better), and
the difference. The method is that of the paper's code, compared with PyTorch in \`test/explain/\`. The twins have 2 layers, two of them also 6: a shallow model attends directly to the
relevant parts, so that the attention of its last layer is informative.

| twin | accuracy or R@1 | removed | order | most relevant first | least relevant first | difference |
|---|---|---|---|---|---|---|
${rows.join('\n')}

Is relevance better, by the means, than a random order, the attention of the last layer, and rollout?

| twin | removed | random order | attention | rollout |
|---|---|---|---|---|
${verdicts.join('\n')}

Heads that ground phrases (section 5 of the paper): the share of phrases whose last word attends most to a matching region;
in percent, on the twin of Flickr30k Entities. "Same region" always chooses the region that matches most phrases.

| seed | heads of layer 0 | heads of layer 1 | best head | same region |
|---|---|---|---|---|
${headRows.join('\n')}
`;
console.log(text);
writeSection('explanations', text);
