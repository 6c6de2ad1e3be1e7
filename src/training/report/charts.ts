// The curves of a run.
import { type Fragment, html } from '../../html/escape.js';
import { lineChart, type Series } from '../../html/line-chart.js';
import { type MetricsEntry } from '../log/metrics-log.js';
import { metricNames, type RunFacts } from './run-facts.js';
import { chunk } from '../../lists.js';

/** Chart titles of metrics in metrics.jsonl. */
const TRAINING_CHARTS = {
  learningRate: 'learning rate',
  gradientNorm: 'gradient norm',
  examplesPerSecond: 'examples per second',
  memoryMb: 'memory in MB',
};
/** Maximum number of lines per chart, so that their colors can be distinguished. */
const LINES_PER_CHART = 8;

const NEGATIVE_LOSS =
  'The loss is below zero because the soft scores of answers need not sum to one. Its absolute value has no meaning; it should fall.';

/** A chart per metric, with the best step marked; metrics of single classes or kinds of questions share charts. */
export function charts({ training, evaluations, best, settings }: RunFacts): Fragment {
  const mark = best === null ? undefined : { x: best.step, label: `best: step ${best.step}` };
  const own = metricNames(evaluations).filter((name) => name !== 'loss');
  const single = own.filter((name) => !name.includes(' '));
  const detailed = own.filter((name) => name.includes(' '));
  const losses = [seriesOf('training', training, 'loss'), seriesOf('validation', evaluations, 'loss')];
  const isNegative = losses.some(({ points }) => points.some(([, value]) => value < 0));
  return html`<section class="charts">
      ${[
        html`${lineChart('loss', losses, { mark })}`,
        ...single.map((name) => lineChart(name, [seriesOf('validation', evaluations, name)], { mark })),
        ...chunk(detailed, LINES_PER_CHART).map((names) =>
          lineChart(
            names.length === 1 ? String(names[0]) : 'single classes or kinds',
            names.map((name) => seriesOf(name, evaluations, name)),
            { mark },
          ),
        ),
        ...Object.entries(TRAINING_CHARTS).map(([name, title]) =>
          lineChart(title, [seriesOf('training', training, name)]),
        ),
      ]}
    </section>
    ${meansNote(settings)} ${isNegative ? html`<p class="faint">${NEGATIVE_LOSS}</p>` : null}`;
}

/** A note on why training curves begin after the first step. */
function meansNote({ arguments: given = {} }: RunFacts['settings']): Fragment {
  const every = Number(given['logEvery'] ?? 1);
  if (every === 1) return null;
  return html`<p class="faint">
    A point of training is the mean of up to ${every} updates before it (--log-every ${every}).
  </p>`;
}

function seriesOf(name: string, entries: readonly MetricsEntry[], metric: string): Series {
  const points = entries.flatMap((entry) => (metric in entry ? [[entry.step, Number(entry[metric])] as const] : []));
  return { name, points };
}
