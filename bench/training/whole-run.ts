// Measures a training run except its updates: start, saves, end, Ctrl-C and resuming of `visualbert train` and of transformers' Trainer.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Row } from '../report/rows.js';
import { median } from '../report/statistics.js';
import { benchCache, pythonFile } from '../subjects/python-env.js';
import { prepareRunFiles, type RunFiles } from '../data/run-files.js';
import { VISUALBERT } from '../subjects/visualbert.js';
import { prepareWorkload } from '../subjects/workload.js';

export interface WholeRunOptions {
  python: string;
  batch: number;
  threads: number;
  /** Folder with questions.json, annotations.json, answers.txt and vocab.txt. */
  data: string;
  log: (line: string) => void;
}

/** Updates of the run that is not interrupted, which saves at its end alone. */
const UPDATES = 6;
/** The run that is interrupted saves after so many updates; the signal comes after the first update that follows two saves. */
const [SAVE_EVERY, INTERRUPT_AFTER, LONG_RUN] = [2, 5, 12] as const;
/** How often files are looked at. */
const POLL_MS = 10;
/** What a run may take beyond its updates and its start. */
const END_GOAL_MS = 2000;
/** What saving may add to the memory of the updates. */
const SAVE_GOAL_MB = 200;

/** When a process had made its updates and ended, in milliseconds from its start. */
interface Timeline {
  /** By the number of the update. */
  updates: Map<number, number>;
  endMs: number;
  /** From the signal to the end; NaN without one. */
  interruptMs: number;
  /** Highest resident memory after an update and at the end; NaN where the system does not tell. */
  peaks: Map<number | 'end', number>;
}

/** One side: how its runs are started, and how their updates are seen. */
interface Side {
  start(run: { steps: number; saveEvery: number; stopAfter?: number; resume: boolean }): ChildProcess;
  /** Calls with the number of each update that is done. */
  watch(child: ChildProcess, onUpdate: (step: number) => void): () => void;
  folder: string;
}

/** Times of the parts of a run. What an update takes is the median of those after which nothing is saved. */
export async function measureWholeRun(options: WholeRunOptions): Promise<Row[]> {
  const files = prepareRunFiles(options.data, LONG_RUN * options.batch);
  const { model } = prepareWorkload(options.python, 'pretraining', 8);
  const parts: Record<string, number>[] = [];
  for (const [label, side] of [
    ['ours', ourSide(options, files, model)],
    ["transformers' Trainer", theirSide(options, files, model)],
  ] as const) {
    options.log(`  ${label}`);
    parts.push(await partsOf(side, label === 'ours', options.log));
    rmSync(side.folder, { recursive: true, force: true });
  }
  const [ours = {}, theirs = {}] = parts;
  const row = (what: string, key: string, target: number | null = null, unit: Row['unit'] = 'ms'): Row => ({
    measurement: 'whole-run',
    batch: options.batch,
    what: `whole run: ${what}`,
    ours: ours[key] ?? NaN,
    theirs: target === null && Number.isFinite(theirs[key]) ? (theirs[key] ?? null) : null,
    unit,
    target,
  });
  return [
    row('one update', 'update'),
    row('start of the process to the first update done, without its time', 'start'),
    row('first save', 'firstSave'),
    row('later save', 'laterSave'),
    row(`last of ${UPDATES} updates done to the end of the process, with the only save`, 'end'),
    row('the same alone', 'end', END_GOAL_MS),
    row('Ctrl-C to the end of the process, without the rest of the update', 'interrupt'),
    row('resuming: start of the process to the first update done, without its time', 'resume'),
    row('peak memory that saving and the end add to that of the updates', 'saveMb', SAVE_GOAL_MB, 'MB'),
  ].filter((row) => Number.isFinite(row.ours));
}

async function partsOf(
  side: Side,
  savesOnSignal: boolean,
  log: (line: string) => void,
): Promise<Record<string, number>> {
  rmSync(side.folder, { recursive: true, force: true });
  const plain = await follow(side, { steps: UPDATES, saveEvery: UPDATES, resume: false });
  const plainGaps = gapsOf(plain);
  log(`    plain run: ${describe(plain)}`);
  rmSync(side.folder, { recursive: true, force: true });
  const saving = { steps: LONG_RUN, saveEvery: SAVE_EVERY };
  const first = savesOnSignal
    ? await follow(side, { ...saving, resume: false }, INTERRUPT_AFTER)
    : await follow(side, { ...saving, resume: false, stopAfter: INTERRUPT_AFTER });
  log(`    with saves: ${describe(first)}`);
  const resumed = await follow(side, { ...saving, resume: true, stopAfter: 2 });
  log(`    resumed: ${describe(resumed)}`);
  const update = median(plainGaps.slice(1).map(({ ms }) => ms));
  const gap = (to: number): number => gapsOf(first).find(({ step }) => step === to)?.ms ?? NaN;
  const [firstOfResumed = NaN] = resumed.updates.values();
  const [firstOfPlain = NaN] = plain.updates.values();
  return {
    update,
    start: firstOfPlain - update,
    firstSave: gap(SAVE_EVERY + 1) - update,
    laterSave: gap(2 * SAVE_EVERY + 1) - update,
    end: plain.endMs - (plain.updates.get(UPDATES) ?? NaN),
    interrupt: first.interruptMs - update,
    resume: firstOfResumed - update,
    saveMb: ((plain.peaks.get('end') ?? NaN) - (plain.peaks.get(UPDATES) ?? NaN)) / 1e6,
  };
}

/** Times between updates, by the later one. */
function gapsOf({ updates }: Timeline): { step: number; ms: number }[] {
  const times = [...updates];
  return times.slice(1).map(([step, ms], i) => ({ step, ms: ms - (times[i]?.[1] ?? NaN) }));
}

function describe({ updates, endMs }: Timeline): string {
  return `${[...updates].map(([step, ms]) => `${step} at ${(ms / 1000).toFixed(1)} s`).join(', ')}, end at ${(endMs / 1000).toFixed(1)} s`;
}

/** Runs a process to its end; with `interruptAfter` it gets Ctrl-C's signal after that update. */
async function follow(side: Side, run: Parameters<Side['start']>[0], interruptAfter?: number): Promise<Timeline> {
  const begin = performance.now();
  const child = side.start(run);
  const noise: string[] = [];
  if (child.stderr !== null) createInterface({ input: child.stderr }).on('line', (line) => void noise.push(line));
  const updates = new Map<number, number>();
  const peaks = new Map<number | 'end', number>();
  let interruptedAt = NaN;
  const remember = (key: number | 'end'): void => {
    const peak = peakBytesOf(child.pid);
    if (Number.isFinite(peak)) peaks.set(key, peak);
  };
  const unwatch = side.watch(child, (step) => {
    if (updates.has(step)) return;
    updates.set(step, performance.now() - begin);
    remember(step);
    if (step !== interruptAfter) return;
    interruptedAt = performance.now();
    child.kill('SIGINT');
  });
  const timer = setInterval(() => remember('end'), POLL_MS);
  const code = await new Promise<number | null>((resolve) => child.once('exit', resolve));
  const end = performance.now();
  clearInterval(timer);
  unwatch();
  if (updates.size === 0 || (code !== 0 && interruptAfter === undefined))
    throw new Error(`whole run: ended with ${code}\n${noise.slice(-30).join('\n')}`);
  return { updates, endMs: end - begin, interruptMs: end - interruptedAt, peaks };
}

/** The command itself; its updates show in metrics.jsonl. */
function ourSide(options: WholeRunOptions, files: RunFiles, model: string): Side {
  const folder = join(benchCache(), 'whole-run');
  return {
    folder,
    start: ({ steps, saveEvery, stopAfter, resume }) => {
      const flags = {
        ...{ model, questions: files.questions, annotations: files.annotations, features: files.features },
        ...{ answers: files.answers, vocabulary: files.vocabulary, 'output-dir': folder },
        ...{ 'batch-size': options.batch, 'max-steps': steps, 'save-every': saveEvery, 'evaluate-every': 'never' },
        ...{ 'learning-rate': 2e-5, 'warmup-steps': 1, 'log-every': 1 },
        ...(stopAfter === undefined ? {} : { 'stop-after': stopAfter }),
      };
      const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)]);
      return spawn(process.execPath, [VISUALBERT, 'train', 'vqa', ...args, ...(resume ? ['--resume'] : [])], {
        stdio: ['ignore', 'ignore', 'pipe'],
        env: { ...process.env, TF_NUM_INTRAOP_THREADS: String(options.threads) },
      });
    },
    watch: (_, onUpdate) => {
      const path = join(folder, 'metrics.jsonl');
      const before = new Set(stepsIn(path)); // of the run that is resumed
      const timer = setInterval(() => {
        for (const step of stepsIn(path)) if (!before.has(step)) onUpdate(step);
      }, POLL_MS);
      return () => clearInterval(timer);
    },
  };
}

function stepsIn(path: string): number[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => Number((JSON.parse(line) as { step: number }).step));
}

function theirSide(options: WholeRunOptions, files: RunFiles, model: string): Side {
  const folder = join(benchCache(), 'whole-run-trainer');
  return {
    folder,
    start: ({ steps, saveEvery, stopAfter = null, resume }) => {
      const command = {
        ...{ model, questions: files.records, features: files.features, vocabulary: files.vocabulary },
        ...{ answers: files.answerCount, steps, save_every: saveEvery, stop_after: stopAfter, resume },
        ...{ batch: options.batch, threads: options.threads, out: folder },
      };
      return spawn(options.python, [pythonFile('trainer_run.py'), JSON.stringify(command)], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
    },
    watch: (child, onUpdate) => {
      if (child.stdout === null) throw new Error('whole run: no pipe');
      const lines = createInterface({ input: child.stdout });
      lines.on('line', (line) => line.startsWith('{"step"') && onUpdate((JSON.parse(line) as { step: number }).step));
      return () => lines.close();
    },
  };
}

/** Highest resident memory of a process so far; NaN where the system does not tell, and at its end. */
function peakBytesOf(pid: number | undefined): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return 1024 * Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? NaN);
  } catch {
    return NaN;
  }
}
