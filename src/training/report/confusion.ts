// The confusion matrix of the most frequent answers.
import { type Fragment, html } from '../../html/escape.js';
import { type NotesSummary } from './example-notes.js';
import { scrollingTable } from './scrolling-table.js';

/** Maximum number of classes in the table. */
const LARGEST = 20;

/** A table of the most frequent answers; rows are expected, columns predicted answers. */
export function confusionTable({ confusion: pairs }: NotesSummary): Fragment {
  const classes = frequentAnswers(pairs);
  const counts = new Map<string, Map<string, number>>();
  for (const { expected, predicted, count } of pairs) {
    const row = counts.get(expected) ?? new Map<string, number>();
    counts.set(expected, row.set(predicted, count));
  }
  const cell = (expected: string, predicted: string): Fragment => {
    const row = counts.get(expected);
    const count = row?.get(predicted) ?? 0;
    const total = [...(row?.values() ?? [])].reduce((sum, one) => sum + one, 0);
    const share = count / Math.max(1, total); // relative to the row, so that rare answers are visible
    const kind = expected === predicted ? 'hit' : 'miss';
    return html`<td class="${kind}" style="--share: ${share.toFixed(2)}">${count === 0 ? null : count}</td>`;
  };
  const head = classes.map((answer) => html`<th scope="col" class="turned"><span>${answer}</span></th>`);
  const rows = classes.map(
    (expected) =>
      html`<tr>
        <th scope="row">${expected}</th>
        ${classes.map((predicted) => cell(expected, predicted))}
      </tr>`,
  );
  return html`<h2>Confusion</h2>
    <p class="faint">
      Rows: expected; columns: predicted; the ${classes.length} most frequent answers, shaded by their share of the row.
    </p>
    ${scrollingTable('confusion', head, rows)}`;
}

function frequentAnswers(pairs: NotesSummary['confusion']): string[] {
  const frequency = new Map<string, number>();
  for (const { expected, predicted, count } of pairs)
    for (const answer of new Set([expected, predicted])) frequency.set(answer, (frequency.get(answer) ?? 0) + count);
  return [...frequency]
    .sort((a, b) => b[1] - a[1])
    .slice(0, LARGEST)
    .map(([answer]) => answer);
}
