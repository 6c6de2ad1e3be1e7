// Times steps of several processes in turns, so that other load on the machine affects all of them equally.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { operationTable, type OperationTime } from '../../src/node.js';
import { type Row } from '../report/rows.js';
import { median } from '../report/statistics.js';
import { gpuBytesUsed } from '../machine/gpu-memory.js';
import { stepGflop } from '../machine/matmul-rate.js';
import { type Goal, type Participant, REGIONS, type StepMeasurement, TASKS, TEXT } from '../measurements.js';
import { pythonFile } from '../subjects/python-env.js';
import { type Reply, Subject } from '../subjects/subject.js';
import { prepareOnnx, prepareWorkload } from '../subjects/workload.js';

export interface StepOptions {
  python: string;
  batch: number;
  /** Turns that each process gets; the first, which warms up, is not counted. */
  rounds: number;
  stepsPerRound: number;
  threads: number;
  device: 'cpu' | 'gpu';
  /** Labels of participants to leave out. */
  without: readonly string[];
  /** Folder for a trace of one of our steps. */
  profiles?: string;
  /** Receives progress lines. */
  log: (line: string) => void;
  /** Receives the text that accompanies the rows of the result. */
  print: (text: string) => void;
}

interface Measured {
  participant: Participant;
  medianMs: number;
  firstMs: number;
  peakBytes: number;
  /** What it holds of the card's memory at its end; NaN on a CPU. */
  gpuBytes: number;
  start: Reply;
}

/** Rows of one measurement at one batch size. */
export async function measureSteps(measurement: StepMeasurement, options: StepOptions): Promise<Row[]> {
  const participants = measurement.participants.filter(
    ({ label, engine }) => !options.without.includes(label) && (options.device === 'cpu' || !isExported(engine)),
  );
  const idleBytes = gpuBytesUsed(options.device);
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
        gpuBytes: NaN,
        start: starts[i] as Reply,
      });
    }
    const [ours] = measured as [Measured];
    for (const [i, subject] of [...subjects.entries()].slice(1)) {
      const before = gpuBytesUsed(options.device);
      await subject.close();
      (measured[i] as Measured).gpuBytes = before - gpuBytesUsed(options.device);
    }
    ours.gpuBytes = gpuBytesUsed(options.device) - idleBytes; // the others are gone
    return [...toRows(measurement, options.batch, measured), ...(await inspect(measurement, options, subjects, ours))];
  } finally {
    for (const subject of subjects) await subject.close();
  }
}

/** What of our step is no time: its operations by type are printed, and what share of a plain matrix product's rate it reaches. */
async function inspect(
  { name, title, mode, precision, efficiency }: StepMeasurement,
  { batch, device, profiles, log, print }: StepOptions,
  [subject]: readonly Subject[],
  { participant, medianMs }: Measured,
): Promise<Row[]> {
  if (subject === undefined || mode !== 'train' || !participant.compiled) return [];
  const file = profiles === undefined ? undefined : join(profiles, `${name}-${batch}.json`);
  const { operations } = (await subject.ask({ do: 'profile', file })) as { operations?: OperationTime[] };
  print(`\n${title}, batch ${batch}: one step by type of operation\n${operationTable(operations ?? [], SHOWN_TYPES)}`);
  if (file !== undefined) log(`  trace: ${file} (open it in https://ui.perfetto.dev or chrome://tracing)`);
  if (efficiency === undefined) return [];
  const { gflops = NaN } = (await subject.ask({ do: 'matmul', precision, side: PRODUCT_SIDE[device] })) as {
    gflops?: number;
  };
  const reached = stepGflop(batch, TEXT, REGIONS) / (medianMs / 1000);
  return [
    {
      measurement: name,
      batch,
      what: `${title}: its ${reached.toFixed(0)} GFLOP/s of matrix products / the ${gflops.toFixed(0)} of one large product`,
      ours: reached / gflops,
      theirs: null,
      unit: '',
      target: efficiency[batch] ?? null,
      isLeast: true,
    },
  ];
}

/** Types of operation that a table names. */
const SHOWN_TYPES = 20;

/** Side of a matrix whose product fills the device. */
const PRODUCT_SIDE = { cpu: 2048, gpu: 8192 } as const;

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

/** Whether it runs an ONNX export. */
function isExported(engine: Participant['engine']): boolean {
  return engine === 'onnxruntime' || engine === 'openvino';
}

export function startSubject(
  { label, engine }: Pick<Participant, 'label' | 'engine'>,
  { python, device = 'cpu' }: { python: string; device?: 'cpu' | 'gpu' },
): Subject {
  // TensorFlow rounds fp32 products on a card to TF32 and PyTorch does not: neither is to.
  const env = device === 'gpu' ? { NVIDIA_TF32_OVERRIDE: '0' } : {};
  if (engine === 'tfjs') {
    const program = fileURLToPath(new URL('../subjects/tfjs-subject.js', import.meta.url));
    return new Subject(label, process.execPath, ['--expose-gc', program], env);
  }
  return new Subject(label, python, [pythonFile('subject.py')], env);
}

/** Starts the step of the VQA task, in fp32, in a process that was started. */
export async function startStep(
  subject: Subject,
  participant: Participant,
  options: Pick<StepOptions, 'python' | 'batch' | 'threads' | 'device'>,
): Promise<void> {
  await subject.ask(startCommand({ task: 'vqa', mode: 'train', precision: 'fp32' }, participant, options));
}

export function startCommand(
  { task, mode, precision }: Pick<StepMeasurement, 'task' | 'mode' | 'precision'>,
  { engine, compiled }: Participant,
  options: Pick<StepOptions, 'python' | 'batch' | 'threads' | 'device'>,
): { do: string; [argument: string]: unknown } {
  const workload = prepareWorkload(options.python, task, options.batch);
  return {
    do: 'start',
    engine,
    mode,
    precision,
    compiled,
    model: isExported(engine) ? prepareOnnx(options.python, workload, precision) : workload.model,
    batches: workload.batches,
    batch: options.batch,
    class_name: TASKS[task].class_name,
    dropout: 0.1,
    threads: options.threads,
    device: options.device === 'gpu' && engine !== 'tfjs' ? 'cuda' : options.device,
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
  const onCard = others.flatMap((other): Row[] =>
    Number.isNaN(ours.gpuBytes)
      ? []
      : [
          {
            ...base,
            what: `${measurement.title}: GPU memory / ${other.participant.label}`,
            ours: ours.gpuBytes / 1e6,
            theirs: other.gpuBytes / 1e6,
            unit: 'MB',
            target: null,
          },
        ],
  );
  const startup = {
    ...base,
    what: `${measurement.title}: recording, initial values and first step, beyond a step's own time`,
    ours: (ours.start.startMs ?? 0) + ours.firstMs - ours.medianMs,
    theirs: null,
    unit: 'ms' as const,
    target: measurement.startupMs ?? null,
  };
  return [...times, ...compared, ...onCard, ...(measurement.startupMs === undefined ? [] : [startup])];
}
