// Measures region detection of one picture: the recorded detector and PyTorch with torchvision's operations, with the same random weights, in turns.
import { execFileSync } from 'node:child_process';
import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { namedDetector } from '../src/node.js';
import { markdownTable, type Row } from './report/rows.js';
import { median } from './report/statistics.js';
import { benchCache, canImport, packageRoot, pythonFile } from './subjects/python-env.js';
import { Subject } from './subjects/subject.js';

/** The names of their files, as published by their authors. */
const DETECTORS = { 'vg-r101-c4': 'vg-r101-c4.bin', 'mmf-x101': 'mmf-x101.pth' } as const;
const TIME_GOALS = { fp32: 0.6, bf16: 0.7 } as const;
const MEMORY_GOAL = 1;
/** Tolerance relative to the largest value; bf16 may choose other boxes and is not compared. */
const AGREEMENT = 1e-4;

export interface DetectorBenchOptions {
  python: string;
  rounds: number;
  threads: number;
  precisions: readonly ('fp32' | 'bf16')[];
  log: (line: string) => void;
}

/** Rows of every detector and precision. @throws Error when Python lacks torchvision and OpenCV. */
export async function measureDetectors(options: DetectorBenchOptions): Promise<Row[]> {
  if (!canImport(options.python, 'torchvision.ops, cv2, PIL')) {
    throw new Error(`${options.python} cannot import torchvision, cv2 and PIL; install torchvision, opencv-python-headless and pillow`); // prettier-ignore
  }
  const rows: Row[] = [];
  for (const name of Object.keys(DETECTORS) as (keyof typeof DETECTORS)[]) {
    for (const precision of options.precisions) {
      const made = await measureDetector(name, precision, options);
      options.log(markdownTable(made));
      rows.push(...made);
    }
  }
  return rows;
}

async function measureDetector(
  name: keyof typeof DETECTORS,
  precision: 'fp32' | 'bf16',
  { python, rounds, threads, log }: DetectorBenchOptions,
): Promise<Row[]> {
  const config = namedDetector(name);
  const folder = detectorFolder(python, name, JSON.stringify(config));
  const ours = new Subject(`tfjs compiled ${precision}`, process.execPath, [join(packageRoot(), 'dist', 'bench', 'subjects', 'detector-subject.js')]); // prettier-ignore
  const theirs = new Subject(`PyTorch eager ${precision}`, python, [pythonFile('detector.py')]);
  const subjects = [ours, theirs];
  try {
    const [weights, picture] = [join(folder, DETECTORS[name]), join(folder, 'picture.png')];
    await ours.ask({ do: 'start', name, weights, picture, precision, threads });
    await theirs.ask({ do: 'start', name, config, folder, precision, threads });
    const times: [number[], number[]] = [[], []];
    const cpuTimes: [number[], number[]] = [[], []];
    const found: { boxes: number[]; features: number[] }[] = [];
    for (let round = 0; round < rounds; round++) {
      for (const [i, subject] of subjects.entries()) {
        const { ms = [], cpuMs, boxes, features } = await subject.ask({ do: 'run', count: 1 });
        log(`  ${name}, ${subject.label}: ${ms.map((time) => time.toFixed(0)).join(' ')} ms`);
        if (round > 0) times[i]?.push(...ms);
        if (round > 0) cpuTimes[i]?.push(cpuMs as number);
        found[i] = { boxes: boxes as number[], features: features as number[] };
      }
    }
    const row = (what: string, a: number, b: number | null, target: number | null, unit: Row['unit']): Row => ({
      ...{
        measurement: 'detector',
        batch: 1,
        what: `${name}, ${precision}: ${what}`,
        ours: a,
        theirs: b,
        unit,
        target,
      },
    });
    const peak = async (subject: Subject): Promise<number> =>
      ((await subject.ask({ do: 'memory' })).peakBytes ?? NaN) / 1e6;
    return [
      row('a picture', median(times[0]), median(times[1]), TIME_GOALS[precision], 'ms'),
      row('processor time of a picture', median(cpuTimes[0]), median(cpuTimes[1]), null, 'ms'),
      row('peak memory', await peak(ours), await peak(theirs), MEMORY_GOAL, 'MB'),
      ...(precision === 'fp32'
        ? (['boxes', 'features'] as const).map(
            (what) =>
            row(`largest difference of ${what}, of the largest`, apart(found[0]?.[what], found[1]?.[what]), null, AGREEMENT, ''), // prettier-ignore
          )
        : []),
    ];
  } finally {
    for (const subject of subjects) await subject.close();
  }
}

/** Random weights and a picture, created once. */
function detectorFolder(python: string, name: string, config: string): string {
  const folder = join(benchCache(), 'detectors', name);
  if (existsSync(folder)) return folder;
  const part = `${folder}.part`;
  rmSync(part, { recursive: true, force: true });
  execFileSync(python, [pythonFile('detector.py'), name, config, part]);
  renameSync(part, folder);
  return folder;
}

/** Infinity if their numbers differ. */
function apart(a: readonly number[] = [], b: readonly number[] = []): number {
  if (a.length !== b.length || a.length === 0) return Infinity;
  const largest = b.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] as number))), 0) / largest;
}
