// Measures start-up: from the start of a process to the first answer of a base-size model, ours, PyTorch's and onnxruntime's in turns.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { pipelineCheckpoint } from './data/pipeline-checkpoint.js';
import type { FileOptions } from './files.js';
import { pythonFile } from './subjects/python-env.js';
import type { Row } from './report/rows.js';
import { median } from './report/statistics.js';
import { prepareOnnx, prepareWorkload } from './subjects/workload.js';

/** The question for every process. */
const QUESTION = 'What is the man riding?';
/** Goal from the start of our process, in fp32. */
const GOAL_MS = 2000;

/** Moments of a process, in milliseconds since it was started; `totalMs` is seen from outside. `processorMs` is of all threads, to the answer. */
type Moments = Record<'importedMs' | 'engineMs' | 'loadedMs' | 'answeredMs' | 'processorMs' | 'totalMs', number>;

/** A row for each precision and each of the others. The first turn reads the files into the system's cache, and is left out. */
export async function measureStartUp(options: FileOptions & { data: string }): Promise<Row[]> {
  const { python, rounds, threads, data, log } = options;
  const folder = await pipelineCheckpoint(data);
  const exported = prepareOnnx(python, prepareWorkload(python, 'vqa', 8), 'fp32');
  const program = fileURLToPath(new URL('subjects/first-answer.js', import.meta.url));
  const ours = (precision: string): [string, string[]] => [
    process.execPath,
    [program, folder, precision, `${threads}`, QUESTION],
  ];
  const theirs = (engine: string, model: string): [string, string[]] => [
    python,
    [pythonFile('first_answer.py'), engine, model, `${folder}/vocab.txt`, `${threads}`, QUESTION],
  ];
  const sides: Record<string, [string, string[]]> = {
    fp32: ours('fp32'),
    int8: ours('int8'),
    'PyTorch with transformers': theirs('torch', folder),
    onnxruntime: theirs('onnxruntime', exported),
  };
  const measured: Record<string, Moments[]> = {};
  for (let round = 0; round < rounds; round++) {
    for (const [label, [command, args]] of Object.entries(sides)) {
      const moments = await follow(command, args);
      log(`  ${label}: ${describe(moments)}`);
      if (round > 0) (measured[label] ??= []).push(moments);
    }
  }
  const middle = (label: string, key: keyof Moments): number => median((measured[label] ?? []).map((one) => one[key]));
  const row = (what: string, key: keyof Moments, [mine, other]: [string, string?], target: number | null): Row => ({
    ...{ measurement: 'start-up', batch: 1, what, ours: middle(mine, key), unit: 'ms', target },
    theirs: other === undefined ? null : middle(other, key),
  });
  const others = ['PyTorch with transformers', 'onnxruntime'];
  return [
    row('start of the process to its first answer, fp32', 'totalMs', ['fp32'], GOAL_MS),
    row('the same, int8', 'totalMs', ['int8'], GOAL_MS),
    ...others.map((label) => row(`the same, fp32 / ${label}`, 'totalMs', ['fp32', label], null)),
    ...others.map((label) => row(`its processor time, fp32 / ${label}`, 'processorMs', ['fp32', label], null)),
  ];
}

async function follow(command: string, args: readonly string[]): Promise<Moments> {
  const begin = performance.now();
  const { stdout } = await promisify(execFile)(command, args);
  const line = stdout.split('\n').find((text) => text.startsWith('{')) ?? '{}';
  return { totalMs: performance.now() - begin, ...(JSON.parse(line) as Omit<Moments, 'totalMs'>) };
}

function describe({ importedMs, engineMs, loadedMs, answeredMs, processorMs, totalMs }: Moments): string {
  const parts = { imports: importedMs, engine: engineMs - importedMs, model: loadedMs - engineMs, answer: answeredMs - loadedMs, end: totalMs - answeredMs }; // prettier-ignore
  return Object.entries(parts).map(([name, ms]) => `${name} ${ms.toFixed(0)}`).join(', ') + ` ms; processor ${processorMs.toFixed(0)} ms`; // prettier-ignore
}
