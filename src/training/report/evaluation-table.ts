// The table of a run's evaluations, one row each, with the best one marked.
import { type Fragment, html } from '../../html/escape.js';
import { duration } from '../log/progress.js';
import { metricNames, type RunFacts } from './run-facts.js';
import { scrollingTable } from './scrolling-table.js';

/** The table; null without evaluations. */
export function evaluationTable({ evaluations, best }: RunFacts): Fragment {
  if (evaluations.length === 0) return null;
  const names = metricNames(evaluations);
  const rows = evaluations.map((entry) => {
    const cells = names.map((name) => html`<td>${shown(entry[name])}</td>`);
    const isBest = entry === best;
    return html`<tr class="${isBest ? 'best' : ''}">
      <th scope="row">step ${entry.step}${isBest ? ' (best)' : ''}</th>
      ${cells}
      <td>${duration(Number(entry['seconds']))}</td>
    </tr>`;
  });
  const head = [...names, 'time'].map((name) => html`<th scope="col">${name}</th>`);
  return html`<h2>Evaluations</h2>
    ${scrollingTable('evaluations', head, rows)}`;
}

function shown(value: number | string | undefined): string {
  return typeof value === 'number' ? String(Number(value.toFixed(4))) : (value ?? '');
}
