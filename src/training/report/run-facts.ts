// Reads what a run folder stores about its run, for the report.
import { join } from 'node:path';
import { readText } from '#platform';
import { DataError, errorMessage } from '../../errors.js';
import { requireOptions } from '../../options.js';
import { isBetter } from '../best.js';
import { type MetricsEntry, readMetrics } from '../log/metrics-log.js';
import { METRICS_FILE } from '../log/run-log.js';
import { RUN_FILE } from '../run-folder/run-folder.js';
import { type NotesSummary } from './example-notes.js';

export const EXAMPLES_FILE = 'examples.json';

/** The parts of run.json that the report shows separately. Runs of older versions lack some. */
export interface RunSettingsShown {
  task: string;
  model?: string | null;
  modelConfig?: unknown;
  data?: Readonly<Record<string, unknown>>;
  /** Start of the run, in ISO 8601. */
  started?: string;
  primaryMetric?: string;
  greaterIsBetter?: boolean;
  arguments?: Readonly<Record<string, unknown>>;
  environment?: Readonly<Record<string, unknown>>;
}

/** What the report shows of a run. */
export interface RunFacts {
  settings: RunSettingsShown;
  training: readonly MetricsEntry[];
  evaluations: readonly MetricsEntry[];
  /** The evaluation with the best value of the primary metric; null when there is none. */
  best: MetricsEntry | null;
  notes: NotesSummary | null;
}

/** Keys of an entry that are not metrics. */
const NOT_METRICS = new Set(['event', 'step', 'epoch', 'seconds']);

/** @throws DataError when run.json is missing or not JSON */
export async function readRunFacts(runDir: string): Promise<RunFacts> {
  const entries = await readMetrics(join(runDir, METRICS_FILE));
  const settings = await readRunSettings(join(runDir, RUN_FILE));
  const evaluations = entries.filter(({ event }) => event === 'evaluate');
  return {
    settings,
    training: entries.filter(({ event }) => event === 'train'),
    evaluations,
    best: bestOf(evaluations, settings),
    notes: await readNotes(join(runDir, EXAMPLES_FILE)),
  };
}

async function readRunSettings(path: string): Promise<RunSettingsShown> {
  const text = await readText(path);
  try {
    const settings: unknown = JSON.parse(text);
    requireOptions(path, settings, 'the settings of a run');
    return settings as RunSettingsShown;
  } catch (error) {
    throw new DataError(`${path}: expected the settings of a run as JSON (${errorMessage(error)})`);
  }
}

/** Names of the entries' metrics, in order of first occurrence. */
export function metricNames(entries: readonly MetricsEntry[]): string[] {
  return [...new Set(entries.flatMap((entry) => Object.keys(entry)))].filter((name) => !NOT_METRICS.has(name));
}

/** Examples per second over all updates: a mean over lines would overweight slow lines of few updates. */
export function meanSpeed(training: readonly MetricsEntry[]): number | null {
  const { examples, seconds } = trainingTotals(training);
  return seconds > 0 ? examples / seconds : null;
}

/** Seconds of all updates, and of all evaluations. */
export function secondsSpent({ training, evaluations }: RunFacts): { updates: number; evaluations: number } {
  return {
    updates: trainingTotals(training).seconds,
    evaluations: evaluations.reduce((sum, { seconds }) => sum + (Number(seconds) || 0), 0),
  };
}

function trainingTotals(training: readonly MetricsEntry[]): { examples: number; seconds: number } {
  let [before, examples, seconds] = [0, 0, 0];
  for (const { step, secondsPerStep, examplesPerSecond } of training) {
    const spent = (step - before) * (Number(secondsPerStep) || 0);
    before = step;
    seconds += spent;
    examples += spent * (Number(examplesPerSecond) || 0);
  }
  return { examples, seconds };
}

function bestOf(
  evaluations: readonly MetricsEntry[],
  { primaryMetric, greaterIsBetter = true }: RunSettingsShown,
): MetricsEntry | null {
  if (primaryMetric === undefined) return null;
  return evaluations.reduce<MetricsEntry | null>(
    (best, entry) => (isBetter(entry, best, { primaryMetric, greaterIsBetter }) ? entry : best),
    null,
  );
}

async function readNotes(path: string): Promise<NotesSummary | null> {
  const text = await readText(path).catch(() => null);
  return text === null ? null : (JSON.parse(text) as NotesSummary);
}
