// Collects a report's facts about evaluated examples: the confusion of answers, and the best, worst and first examples.
import { type ExampleNote } from '../../evaluation/task.js';

/** A summary of an evaluation. */
export interface NotesSummary {
  count: number;
  /** Counts of pairs of expected and predicted answers, most frequent first. */
  confusion: { expected: string; predicted: string; count: number }[];
  /** Correct with the highest probability; `worst`: wrong with the highest; `first`: the first examples. */
  best: ExampleNote[];
  worst: ExampleNote[];
  first: ExampleNote[];
}

const KEPT = 12;
const CONFUSION_PAIRS = 400;

/** Collects notes one by one in bounded memory. */
export class NoteCollector {
  private count = 0;
  private readonly pairs = new Map<string, number>();
  private best: ExampleNote[] = [];
  private worst: ExampleNote[] = [];
  private readonly first: ExampleNote[] = [];

  add(note: ExampleNote): void {
    this.count += 1;
    const pair = JSON.stringify([note.expected, note.predicted]);
    this.pairs.set(pair, (this.pairs.get(pair) ?? 0) + 1);
    if (this.first.length < KEPT) this.first.push(note);
    if (note.correct >= 0.5) this.best = surest([...this.best, note]);
    else this.worst = surest([...this.worst, note]);
  }

  summary(): NotesSummary {
    const confusion = [...this.pairs]
      .sort((a, b) => b[1] - a[1])
      .slice(0, CONFUSION_PAIRS)
      .map(([pair, count]) => {
        const [expected, predicted] = JSON.parse(pair) as [string, string];
        return { expected, predicted, count };
      });
    return { count: this.count, confusion, best: this.best, worst: this.worst, first: this.first };
  }
}

function surest(notes: ExampleNote[]): ExampleNote[] {
  return notes.sort((a, b) => (b.scores[0]?.[1] ?? 0) - (a.scores[0]?.[1] ?? 0)).slice(0, KEPT);
}

/** Notes as a Markdown table, for TensorBoard's text page. */
export function notesTable(notes: readonly ExampleNote[]): string {
  const cell = (text: string): string => text.replace(/[|\n]/g, ' ');
  const rows = notes.map(({ text, expected, predicted, scores, correct }) => {
    const sure = `${Math.round(100 * (scores[0]?.[1] ?? 0))}%`;
    return `| ${cell(text)} | ${cell(expected)} | ${cell(predicted)} | ${sure} | ${correct >= 0.5 ? 'yes' : 'no'} |`;
  });
  return ['| text | expected | predicted | probability | right |', '|---|---|---|---|---|', ...rows].join('\n');
}
