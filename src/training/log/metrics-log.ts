// metrics.jsonl: one JSON object per line, appended during the run and truncated when it resumes.
import { appendFileSync } from 'node:fs';
import { exists, readText, writeTextAtomic } from '#platform';
import { requirePath } from '../../options.js';

/** One line: the progress of the run, and metrics by name. */
export interface MetricsEntry {
  event: 'train' | 'evaluate';
  /** Number of updates when the line was written. */
  step: number;
  /** Passes over the training examples, as a fraction. */
  epoch: number;
  [metric: string]: number | string;
}

/** The log of one run. JSON has no NaN: such a value is written as a string. */
export class MetricsLog {
  readonly entries: MetricsEntry[];

  private constructor(
    private readonly path: string,
    entries: MetricsEntry[],
  ) {
    this.entries = entries;
  }

  /** Opens a log, keeping the lines of each kind up to a step: a resumed run writes the later ones again. */
  static async open(path: string, upTo: Readonly<Record<MetricsEntry['event'], number>>): Promise<MetricsLog> {
    const entries = (await readMetrics(path)).filter(({ event, step }) => step <= upTo[event]);
    await writeTextAtomic(path, entries.map(lineOf).join(''));
    return new MetricsLog(path, entries);
  }

  add(entry: MetricsEntry): void {
    this.entries.push(entry);
    appendFileSync(this.path, lineOf(entry));
  }
}

/**
 * The lines of a metrics.jsonl; empty without the file. Invalid lines are ignored, such as the incomplete last line of a killed
 * process or zeros after a power failure, so that the run can resume.
 * @example
 * const entries = await readMetrics('runs/vqa/metrics.jsonl');
 */
export async function readMetrics(path: string): Promise<MetricsEntry[]> {
  requirePath('readMetrics', path);
  const text = (await exists(path)) ? await readText(path) : '';
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .flatMap((line) => entryOf(line) ?? []);
}

function entryOf(line: string): MetricsEntry | null {
  try {
    const entry = JSON.parse(line) as Partial<MetricsEntry> | null;
    return typeof entry?.step === 'number' && typeof entry.epoch === 'number' ? (entry as MetricsEntry) : null;
  } catch {
    return null;
  }
}

function lineOf(entry: MetricsEntry): string {
  return `${JSON.stringify(entry, (_, value: unknown) => (typeof value === 'number' && !Number.isFinite(value) ? String(value) : value))}\n`;
}
