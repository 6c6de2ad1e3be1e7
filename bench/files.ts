// Measures loading, saving and converting a checkpoint of BERT's size, inspecting a large one, and memory leaks.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Row } from './report/rows.js';
import { median } from './report/statistics.js';
import { TASKS } from './measurements.js';
import { benchCache } from './subjects/python-env.js';
import { writeSparseCheckpoint } from './data/sparse-checkpoint.js';
import { startSubject } from './training/steps.js';
import { prepareWorkload, pytorchOnly } from './subjects/workload.js';

export interface FileOptions {
  python: string;
  rounds: number;
  threads: number;
  log: (line: string) => void;
}

const CPU = { mode: 'train', precision: 'fp32', compiled: false, dropout: 0.1, batches: '', ...TASKS.vqa } as const;
/** Maximum memory of a load in addition to the weights. */
const LOAD_SLACK_MB = 200;

/** Time and peak memory of reading 455 MB of weights into a model, from both formats. */
export async function measureLoad(options: FileOptions): Promise<Row[]> {
  const { model } = prepareWorkload(options.python, 'vqa', 8);
  const rows: Row[] = [];
  for (const [file, folder] of [
    ['pytorch_model.bin', pytorchOnly(model)],
    ['model.safetensors', model],
  ] as const) {
    const [ours, theirs] = await inTurns(
      options,
      { do: 'load', ...CPU, threads: options.threads, file },
      folder,
      model,
    );
    rows.push(
      {
        measurement: 'load',
        batch: null,
        what: `fromPretrained of ${file} / making the model + torch.load + load_state_dict`,
        ours: ours.ms,
        theirs: theirs.ms,
        unit: 'ms',
        target: 0.7,
      },
      {
        measurement: 'load',
        batch: null,
        what: `fromPretrained of ${file} / torch.load + load_state_dict into a model made before`,
        ours: ours.ms,
        theirs: theirs.fillMs,
        unit: 'ms',
        target: null,
      },
      {
        measurement: 'load',
        batch: null,
        what: `${file}: growth of peak memory beyond the weights`,
        ours: ours.growthMb - WEIGHTS_MB,
        theirs: null,
        unit: 'MB',
        target: LOAD_SLACK_MB,
      },
    );
  }
  return rows;
}

/** Size of VisualBERT base with the VQA head in fp32. */
const WEIGHTS_MB = 455.4;

/** Time of writing the weights, in both formats. */
export async function measureSave(options: FileOptions): Promise<Row[]> {
  const { model } = prepareWorkload(options.python, 'vqa', 8);
  const rows: Row[] = [];
  for (const format of ['safetensors', 'pytorch'] as const) {
    const target = join(benchCache(), 'saved');
    const [ours, theirs] = await inTurns(
      options,
      { do: 'save', ...CPU, threads: options.threads, format, target },
      model,
      model,
    );
    rows.push({
      measurement: 'save',
      batch: null,
      what: `savePretrained as ${format}, 455 MB`,
      ours: ours.ms,
      theirs: theirs.ms,
      unit: 'ms',
      target: null,
    });
  }
  return rows;
}

/** Time of a whole conversion from pytorch_model.bin to safetensors, against torch.load + save_file. */
export async function measureConvert(options: FileOptions): Promise<Row[]> {
  const { model } = prepareWorkload(options.python, 'vqa', 8);
  const command = { do: 'convert', threads: options.threads, target: join(benchCache(), 'converted') };
  const source = pytorchOnly(model);
  const [ours, theirs] = await inTurns(options, command, source, source);
  const measurement = { measurement: 'convert', batch: null } as const;
  return [
    {
      ...measurement,
      what: 'convertCheckpoint of pytorch_model.bin to safetensors, 455 MB / torch.load + save_file',
      ours: ours.ms,
      theirs: theirs.ms,
      unit: 'ms',
      target: null,
    },
    {
      ...measurement,
      what: 'growth of peak memory',
      ours: ours.growthMb,
      theirs: theirs.growthMb,
      unit: 'MB',
      target: null,
    },
  ];
}

/** Time of inspecting 10 GB, which reads headers only. */
export async function measureInspect(options: FileOptions): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'visualbert-inspect-'));
  const rows: Row[] = [];
  try {
    for (const format of ['safetensors', 'pytorch'] as const) {
      const { path, tensors, bytes } = await writeSparseCheckpoint(join(folder, format), format);
      const times: number[] = [];
      for (let round = 0; round < options.rounds; round++) {
        const subject = startSubject({ label: 'tfjs', engine: 'tfjs' }, options);
        try {
          times.push(...((await subject.ask({ do: 'inspect', path })).ms ?? []));
        } finally {
          await subject.close();
        }
      }
      rows.push({
        measurement: 'inspect',
        batch: null,
        what: `inspectCheckpoint of ${(bytes / 1e9).toFixed(1)} GB as ${format}, ${tensors} tensors`,
        ours: median(times),
        theirs: null,
        unit: 'ms',
        target: null,
      });
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return rows;
}

/** Growth in tensors and resident memory over many small steps. */
export async function measureLeak(options: FileOptions & { compiled: boolean; steps: number }): Promise<Row[]> {
  const subject = startSubject({ label: 'tfjs', engine: 'tfjs' }, options);
  try {
    const { tensors, bytes, allowedBytes } = await subject.ask({
      do: 'leak',
      steps: options.steps,
      compiled: options.compiled,
    });
    const what = `${options.steps} small steps, ${options.compiled ? 'compiled' : 'eager'}`;
    return [
      {
        measurement: 'leak',
        batch: null,
        what: `${what}: more tensors`,
        ours: Number(tensors),
        theirs: null,
        unit: '',
        target: 0,
      },
      {
        measurement: 'leak',
        batch: null,
        what: `${what}: growth of resident memory`,
        ours: Number(bytes) / 1e6,
        theirs: null,
        unit: 'MB',
        target: Number(allowedBytes) / 1e6,
      },
    ];
  } finally {
    await subject.close();
  }
}

async function inTurns(
  options: FileOptions,
  command: { do: string; [argument: string]: unknown },
  ourModel: string,
  theirModel: string,
): Promise<[Measurements, Measurements]> {
  const sides = (['tfjs', 'torch'] as const).map((engine) => ({
    engine,
    model: engine === 'tfjs' ? ourModel : theirModel,
    times: [] as number[],
    fills: [] as number[],
    growth: [] as number[],
  }));
  for (let round = 0; round < options.rounds; round++) {
    for (const { engine, model, times, fills, growth } of sides) {
      const subject = startSubject({ label: engine, engine }, options);
      try {
        await subject.ask({ do: 'warm', threads: options.threads });
        const before = (await subject.ask({ do: 'memory' })).peakBytes ?? NaN;
        const { ms = [], fillMs } = await subject.ask({ ...command, model });
        options.log(`  ${engine}: ${ms.map((t) => t.toFixed(0)).join(' ')} ms`);
        times.push(...ms);
        fills.push(Number(fillMs ?? NaN));
        growth.push(((await subject.ask({ do: 'memory' })).peakBytes ?? NaN) - before);
      } finally {
        await subject.close();
      }
    }
  }
  const [ours, theirs] = sides.map(({ times, fills, growth }) => ({
    ms: median(times),
    fillMs: median(fills),
    growthMb: median(growth) / 1e6,
  }));
  return [ours as Measurements, theirs as Measurements];
}

interface Measurements {
  ms: number;
  /** The part that filled a model, if the side reports it. */
  fillMs: number;
  growthMb: number;
}
