// `node dist/bench/studies/twins.js`: the metric of every synthetic twin, and what is reached without pictures.
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { trainTwin, type Twin, TWINS, writeTwins } from '../../examples/shapes/twins.js';
import { twinPaths } from '../../examples/shapes/write-twins.js';
import { KeptRuns, KEPT_RUNS_FLAGS } from '../data/kept-runs.js';
import { writeSection } from '../report/results.js';

const flags = await yargs(hideBin(process.argv))
  .usage(
    '$0 [flags]\n\nTrains every twin and writes the table into docs/results.md. Runs that are done are kept in the cache, so a stopped ' +
      'command goes on where it was. About 7 minutes on 2 cores.',
  )
  .options(KEPT_RUNS_FLAGS)
  .strict()
  .parseAsync();

const SEED = 0;
const runs = new KeptRuns('twins', flags);
const data = join(runs.folder, 'data');
const paths = existsSync(join(data, 'done')) ? twinPaths(data) : await writeTwins(data, { seed: SEED });
writeFileSync(join(data, 'done'), '');

/** The metrics on the test split, and the seconds that training and evaluation took. */
async function metricsOf(name: string): Promise<Record<string, number>> {
  const twin = TWINS[name] as Twin;
  if (twin.after !== null) await metricsOf(twin.after);
  const model = twin.after === null ? {} : { model: join(runs.folder, twin.after) };
  return runs.metrics(name, async (outputDir) => {
    const started = performance.now();
    const metrics = await trainTwin(twin, { paths, outputDir, seed: SEED, ...model });
    return { ...metrics, seconds: (performance.now() - started) / 1000 };
  });
}

const rows: string[] = [];
for (const [name, { after, maxSteps, metric, goal }] of Object.entries(TWINS)) {
  const { [metric]: score = NaN, seconds = NaN } = await metricsOf(name);
  rows.push(
    `| ${name} | ${after ?? ''} | ${maxSteps} | ${metric} | ${score.toFixed(1)} | ${goal.score} | ${goal.blind} | ${seconds.toFixed(0)} |`,
  );
}
const text = `## A synthetic twin of every task

\`npm run build && node dist/bench/studies/twins.js\`

The quickstart's scenes of colored shapes (\`examples/shapes/\`) in the file format of every task: 3000 scenes to train on, 300 others to test on. A model
of 2 layers and 64 units, batch 32, peak rate 1.5e-3, seed ${SEED}. Metrics are in percent on the test split; \`npm run test:slow\` requires those of the column
"must reach". "Without a picture": guessing by the frequency of the answers; for masked words, which often follow from their neighbours, the
same training with zeroed regions. Some twins start from another one, like the phases of the paper.

| twin | starts from | updates | metric | score, % | must reach | without a picture | seconds |
|---|---|---|---|---|---|---|---|
${rows.join('\n')}
`;
console.log(text);
writeSection('twins', text);
