// Formats explanations and their evaluations for the terminal.
import { counted, type Explanation, type ExplanationEvaluation, type HeadAccuracy } from '../../src/node.js';
import { percent } from '../flags/one-input.js';

/** Answer, words in order, regions by descending score. */
export function explanationTable({ method, answer, words, images }: Explanation): string {
  const regions = images.flatMap(({ regions: found }, image) =>
    found.map(({ score }, region) => ({
      score,
      name: `${images.length > 1 ? `image ${image}, ` : ''}region ${region}`,
    })),
  );
  const line = (score: number, name: string): string => `${score.toPrecision(3).padStart(10)}  ${name}`;
  return [
    `${percent(answer.score)}  ${answer.label}  (${method})`,
    ...words.map(({ score, text }) => line(score, text)),
    ...regions.sort((a, b) => b.score - a.score).map(({ score, name }) => line(score, name)),
  ].join('\n');
}

/** A row for each curve: its area, and the metric at every second share; regions and words are removed in shares of their own. */
export function removalTable({ count, metric, curves }: ExplanationEvaluation): string {
  const line = (names: readonly string[], area: string, points: readonly string[]): string => {
    const [parts = '', first = '', ranking = ''] = names;
    const values = points.filter((_, i) => i % 2 === 0).map((point) => point.padStart(6));
    return `${parts.padEnd(8)} ${first.padEnd(6)} ${ranking.padEnd(10)} ${area.padStart(6)}  ${values.join('')}`;
  };
  const rows = curves.flatMap(({ parts, first, ranking, shares, area, accuracies }, i) => {
    const percents = shares.map((share) => `${Math.round(100 * share)}%`);
    const head = curves[i - 1]?.parts === parts ? [] : [line(['removed', 'first', 'by'], 'area', percents)];
    const points = accuracies.map((accuracy) => accuracy.toFixed(1));
    return [...head, line([parts, first, ranking], area.toFixed(2), points)];
  });
  return [
    `${counted(count, 'example')}; ${metric} while parts are removed, and the area under it: lower is better for "most", higher for "least"`,
    ...rows,
  ].join('\n');
}

/** A row for each layer, a column for each head. */
export function headTable({ heads, best, baseline, phrases }: HeadAccuracy): string {
  return [
    `${phrases} phrases; share of phrases whose last word attends most to a matching region, by head`,
    ...heads.map(
      (row, layer) => `layer ${String(layer).padStart(2)} ${row.map((accuracy) => percent(accuracy)).join(' ')}`,
    ),
    `best: layer ${best.layer}, head ${best.head} with ${percent(best.accuracy).trim()}`,
    `always region ${baseline.region}: ${percent(baseline.accuracy).trim()}`,
  ].join('\n');
}
