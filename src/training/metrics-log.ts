// metrics.jsonl: one JSON object a line, appended while the run goes on and cut back when it resumes.
import { appendFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { writeTextAtomic } from '#platform';

/** One line: where the run stood, and figures by name. */
export interface MetricsEntry {
  event: 'train' | 'evaluate';
  /** Updates made when the line was written. */
  step: number;
  /** Passes over the training examples, as a fraction. */
  epoch: number;
  [figure: string]: number | string;
}

/** The log of one run. JSON knows no NaN: such a figure is written as a string. */
export class MetricsLog {
  readonly entries: MetricsEntry[];

  private constructor(
    private readonly path: string,
    entries: MetricsEntry[],
  ) {
    this.entries = entries;
  }

  /** Opens a log, keeping what was written up to `step`: later lines belong to work that a resumed run does again. */
  static async open(path: string, step: number): Promise<MetricsLog> {
    const entries = (await readMetrics(path)).filter((entry) => entry.step <= step);
    await writeTextAtomic(path, entries.map(lineOf).join(''));
    return new MetricsLog(path, entries);
  }

  add(entry: MetricsEntry): void {
    this.entries.push(entry);
    appendFileSync(this.path, lineOf(entry));
  }
}

/** The lines of a metrics.jsonl; none when there is no such file. A last line that a killed process cut short is left out. */
export async function readMetrics(path: string): Promise<MetricsEntry[]> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  return whole.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as MetricsEntry]));
}

function lineOf(entry: MetricsEntry): string {
  return `${JSON.stringify(entry, (_, value: unknown) => (typeof value === 'number' && !Number.isFinite(value) ? String(value) : value))}\n`;
}
