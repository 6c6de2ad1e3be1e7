// Measures steps of several workers, ours and PyTorch's DistributedDataParallel with gloo, in turns: times, waiting, bytes on the wire.
import { readFileSync } from 'node:fs';
import { freePorts } from '../../src/cluster/free-ports.js';
import type { Row } from '../report/rows.js';
import { median } from '../report/statistics.js';
import { startCommand, startSubject, type StepOptions } from '../training/steps.js';
import type { Reply, Subject } from '../subjects/subject.js';
import { prepareWorkload } from '../subjects/workload.js';
import { describeModel, type MeasuredStep, type Setting } from './predictions.js';

/** Warm-up steps of each turn. */
const WARM_UP = 2;
/** Goal of the time of our step over theirs. */
const GOAL = 1;

const MEASURED = { task: 'vqa', mode: 'train', precision: 'fp32' } as const;

export interface DistributedOptions extends StepOptions, Pick<Setting, 'gbits' | 'copyNs'> {
  /** Numbers of workers of the comparisons; all on this machine. */
  workers: readonly number[];
}

/** The implementation of the steps. */
interface Side {
  label: string;
  engine: 'tfjs' | 'torch';
  /** Precision of exchanged gradients; null: each worker computes its share without exchanging anything. */
  wire: 'fp32' | 'bf16' | null;
}

/** Measurements of one side. */
interface Turns {
  ms: number[];
  /** Bytes that a worker sent in a step. */
  bytes: number[];
  firstLoss: number;
}

const OURS: Side = { label: 'ours', engine: 'tfjs', wire: 'fp32' };
const OURS_LOW: Side = { label: 'ours, gradients in bf16', engine: 'tfjs', wire: 'bf16' };
const OURS_ALONE: Side = { label: 'ours, nothing exchanged', engine: 'tfjs', wire: null };
const DDP: Side = { label: 'DistributedDataParallel', engine: 'torch', wire: 'fp32' };
const TORCH_ALONE: Side = { label: 'PyTorch, nothing exchanged', engine: 'torch', wire: null };

/**
 * Rows for each number of workers: all share the batch, and the threads as evenly as they can. Every turn starts new processes, since all
 * sides together would not fit into memory.
 */
export async function measureDistributed(options: DistributedOptions): Promise<Row[]> {
  const rows: Row[] = [];
  const steps: MeasuredStep[] = [];
  for (const workers of options.workers) {
    const sides = workers === 1 ? [OURS_ALONE, TORCH_ALONE] : [OURS, DDP, OURS_LOW, OURS_ALONE, TORCH_ALONE];
    const turns = new Map<Side, Turns>(sides.map((side) => [side, { ms: [], bytes: [], firstLoss: NaN }]));
    for (let round = 0; round < options.rounds; round++)
      for (const [side, measured] of turns) await takeTurn(side, workers, measured, options);
    rows.push(...rowsOf(workers, options.batch, turns));
    const aloneMs = timeOf(OURS_ALONE, turns);
    const shared = [OURS, OURS_LOW].filter((side) => turns.has(side));
    if (shared.length === 0) steps.push({ workers, wire: 'fp32', ms: aloneMs, aloneMs });
    for (const side of shared) steps.push({ workers, wire: side.wire ?? 'fp32', ms: timeOf(side, turns), aloneMs });
  }
  const { model } = prepareWorkload(options.python, MEASURED.task, options.batch);
  options.print(`\n${describeModel(steps, { model, ...options })}`);
  return rows;
}

function timeOf(side: Side, turns: ReadonlyMap<Side, Turns>): number {
  return median(turns.get(side)?.ms ?? []);
}

async function takeTurn(side: Side, workers: number, measured: Turns, options: StepOptions): Promise<void> {
  const subjects = Array.from({ length: workers }, (_, i) =>
    startSubject({ label: `${side.label}, worker ${i} of ${workers}`, engine: side.engine }, options),
  );
  try {
    await startAll(side, subjects, options);
    const run = (count: number): Promise<Reply[]> =>
      Promise.all(subjects.map((subject) => subject.ask({ do: 'run', count })));
    const [{ values = [] }] = (await run(WARM_UP)) as [Reply];
    const before = sentBytes();
    const [{ ms = [] }] = (await run(options.stepsPerRound)) as [Reply];
    measured.bytes.push((sentBytes() - before) / options.stepsPerRound / workers);
    measured.ms.push(...ms);
    measured.firstLoss = values[0] ?? NaN;
    options.log(`  ${side.label}, ${workers} workers: ${ms.map((time) => time.toFixed(0)).join(' ')} ms`);
  } finally {
    await Promise.all(subjects.map((subject) => subject.close()));
  }
}

async function startAll({ engine, wire }: Side, subjects: readonly Subject[], options: StepOptions): Promise<void> {
  const count = subjects.length;
  const threads = Math.max(1, Math.floor(options.threads / count));
  const command = startCommand(MEASURED, { label: '', engine, compiled: engine === 'tfjs' }, { ...options, threads });
  const addresses = (await freePorts(count)).map((port) => `127.0.0.1:${port}`);
  const cluster = wire === null ? {} : { cluster: { addresses, wire } };
  await Promise.all(
    subjects.map((subject, index) => subject.ask({ ...command, worker: { index, count }, ...cluster })),
  );
}

/** Bytes that the loopback device has sent so far; NaN if the system does not report them. */
function sentBytes(): number {
  try {
    const fields = /lo:\s*(.*)/.exec(readFileSync('/proc/net/dev', 'utf8'))?.[1]?.split(/\s+/);
    return Number(fields?.[8]);
  } catch {
    return NaN;
  }
}

function rowsOf(workers: number, batch: number, turns: ReadonlyMap<Side, Turns>): Row[] {
  const who = workers === 1 ? '1 worker' : `${workers} workers`;
  const row = (what: string, ours: number, theirs: number | null, unit: Row['unit'], target: number | null): Row => ({
    ...{ measurement: 'distributed', batch, what: `${who}: ${what}`, ours, theirs, unit, target },
  });
  const time = (side: Side): number => timeOf(side, turns);
  const sent = (side: Side): number => median(turns.get(side)?.bytes ?? []) / 1e6;
  if (workers === 1) return [row('step / PyTorch', time(OURS_ALONE), time(TORCH_ALONE), 'ms', GOAL)];
  const waiting = (side: Side, alone: Side): number => 1 - time(alone) / time(side);
  return [
    row(`step / ${DDP.label}`, time(OURS), time(DDP), 'ms', GOAL),
    row(`step with nothing exchanged / PyTorch's`, time(OURS_ALONE), time(TORCH_ALONE), 'ms', null),
    row(
      `share of the step that the exchange adds / ${DDP.label}`,
      waiting(OURS, OURS_ALONE),
      waiting(DDP, TORCH_ALONE),
      '',
      null,
    ),
    row(`a worker's bytes on the wire / ${DDP.label}`, sent(OURS), sent(DDP), 'MB', null),
    row('step, gradients in bf16', time(OURS_LOW), null, 'ms', null),
    row("a worker's bytes on the wire, gradients in bf16", sent(OURS_LOW), null, 'MB', null),
  ];
}
