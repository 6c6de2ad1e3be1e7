// Times steps of several processes in turns, so that whatever else the machine does falls on all of them alike.
import { fileURLToPath } from 'node:url';
import { median, type Row } from './figures.js';
import { type Goal, type Participant, type StepMeasurement, TASKS } from './measurements.js';
import { pythonFile } from './python-env.js';
import { type Reply, Subject } from './subject.js';
import { prepareOnnx, prepareWorkload } from './workload.js';

export interface StepOptions {
  python: string;
  batch: number;
  /** Turns that each process gets; the first, which warms up, is not counted. */
  rounds: number;
  stepsPerRound: number;
  threads: number;
  device: 'cpu' | 'gpu';
  /** Leaves out participants whose label contains one of these. */
  without: readonly string[];
  log: (line: string) => void;
}

interface Measured {
  participant: Participant;
  medianMs: number;
  firstMs: number;
  peakBytes: number;
  start: Reply;
}

/** Rows of one measurement at one batch size. */
export async function measureSteps(measurement: StepMeasurement, options: StepOptions): Promise<Row[]> {
  const participants = measurement.participants.filter(
    ({ label }) => !options.without.some((part) => label.includes(part)),
  );
  const subjects = participants.map((participant) => startSubject(participant, options));
  try {
    const starts: Reply[] = [];
    for (const [i, subject] of subjects.entries()) {
      options.log(`  ${subject.label}: starting`);
      starts.push(await subject.ask(startCommand(measurement, participants[i] as Participant, options)));
    }
    const times: number[][] = subjects.map(() => []);
    const firsts: number[] = [];
    for (let round = 0; round < options.rounds; round++) {
      for (const [i, subject] of subjects.entries()) {
        const { ms = [] } = await subject.ask({ do: 'run', count: options.stepsPerRound });
        if (round === 0) firsts.push(ms[0] ?? NaN);
        else times[i]?.push(...ms);
        options.log(`  ${subject.label}: ${ms.map((t) => t.toFixed(0)).join(' ')} ms`);
      }
    }
    const measured: Measured[] = [];
    for (const [i, subject] of subjects.entries()) {
      const { peakBytes = NaN } = await subject.ask({ do: 'memory' });
      measured.push({
        participant: participants[i] as Participant,
        medianMs: median(times[i] ?? []),
        firstMs: firsts[i] ?? NaN,
        peakBytes,
        start: starts[i] as Reply,
      });
    }
    return toRows(measurement, options.batch, measured);
  } finally {
    for (const subject of subjects) await subject.close();
  }
}

/** Losses of the first five steps without dropout must agree, or nothing that follows compares like with like. */
export async function measureAgreement(compiled: boolean, options: StepOptions): Promise<Row[]> {
  const what = `loss, ${compiled ? 'compiled' : 'eager'}, no dropout`;
  const measurement = { task: 'vqa', mode: 'train', precision: 'fp32' } as const;
  const values: number[][] = [];
  for (const engine of ['tfjs', 'torch'] as const) {
    const participant = { label: engine, engine, compiled: compiled && engine === 'tfjs' };
    const subject = startSubject(participant, options);
    try {
      await subject.ask({ ...startCommand(measurement, participant, options), dropout: 0 });
      values.push((await subject.ask({ do: 'run', count: 5 })).values ?? []);
    } finally {
      await subject.close();
    }
  }
  return [1, 5].map((step) => {
    const [ours = NaN, theirs = NaN] = values.map((losses) => losses[step - 1] ?? NaN);
    const difference = Math.abs(ours - theirs) / Math.max(1, Math.abs(theirs));
    options.log(`  step ${step}: ${ours} and ${theirs}`);
    return {
      measurement: 'agreement',
      batch: options.batch,
      what: `${what}: difference at step ${step}`,
      ours: difference,
      theirs: null,
      unit: '',
      target: 1e-4,
    };
  });
}

export function startSubject(
  { label, engine }: Pick<Participant, 'label' | 'engine'>,
  { python }: { python: string },
): Subject {
  if (engine === 'tfjs')
    return new Subject(label, process.execPath, [
      '--expose-gc',
      fileURLToPath(new URL('tfjs-subject.js', import.meta.url)),
    ]);
  return new Subject(label, python, [pythonFile('subject.py')]);
}

function startCommand(
  { task, mode, precision }: Pick<StepMeasurement, 'task' | 'mode' | 'precision'>,
  { engine, compiled }: Participant,
  options: StepOptions,
): { do: string; [argument: string]: unknown } {
  const workload = prepareWorkload(options.python, task, options.batch);
  return {
    do: 'start',
    engine,
    mode,
    precision,
    compiled,
    model: engine === 'onnxruntime' ? prepareOnnx(options.python, workload) : workload.model,
    batches: workload.batches,
    batch: options.batch,
    class_name: TASKS[task].class_name,
    dropout: 0.1,
    threads: options.threads,
    device: options.device === 'gpu' ? 'cuda' : 'cpu',
  };
}

function toRows(measurement: StepMeasurement, batch: number, measured: readonly Measured[]): Row[] {
  const [ours, ...others] = measured;
  if (ours === undefined) return [];
  const base = { measurement: measurement.name, batch };
  const find = (goal: Goal): Measured | undefined =>
    others.find(({ participant }) => participant.label === goal.against);
  const times = others.map((other): Row => {
    const goal = measurement.goals.find(({ against }) => against === other.participant.label);
    return {
      ...base,
      what: `${measurement.title} / ${other.participant.label}`,
      ours: ours.medianMs,
      theirs: other.medianMs,
      unit: 'ms',
      target: goal?.target[batch] ?? null,
    };
  });
  const compared = others.map((other): Row => {
    const isGoal = measurement.memory !== undefined && find(measurement.memory) === other;
    return {
      ...base,
      what: `${measurement.title}: peak memory / ${other.participant.label}`,
      ours: ours.peakBytes / 1e6,
      theirs: other.peakBytes / 1e6,
      unit: 'MB',
      target: isGoal ? (measurement.memory?.target[batch] ?? null) : null,
    };
  });
  const startup = {
    ...base,
    what: `${measurement.title}: recording, initial values and first step, beyond a step's own time`,
    ours: (ours.start.startMs ?? 0) + ours.firstMs - ours.medianMs,
    theirs: null,
    unit: 'ms' as const,
    target: measurement.startupMs ?? null,
  };
  return [...times, ...compared, ...(measurement.startupMs === undefined ? [] : [startup])];
}
