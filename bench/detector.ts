// Measures region detection of one picture: the recorded detector and PyTorch with torchvision's operations, with the same random weights, in turns.
import { execFileSync } from 'node:child_process';
import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { namedDetector } from '../src/node.js';
import { markdownTable, type Row } from './report/rows.js';
import { median } from './report/statistics.js';
import { benchCache, canImport, checkoutFolder, pythonFile } from './subjects/python-env.js';
import { Subject } from './subjects/subject.js';

/** The names of their files, as published by their authors. */
const DETECTORS = { 'vg-r101-c4': 'vg-r101-c4.bin', 'mmf-x101': 'mmf-x101.pth' } as const;
const TIME_GOALS = { fp32: 0.6, bf16: 0.7 } as const;
const MEMORY_GOAL = 1;
/** Tolerance relative to the largest value; bf16 may choose other boxes and is not compared. */
const AGREEMENT = 1e-4;

/** Boxes [count * 4] and features [count * width] of the regions that a side found. */
interface Found {
  boxes: readonly number[];
  features: readonly number[];
}

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
  const ours = new Subject(`tfjs compiled ${precision}`, process.execPath, [join(checkoutFolder(), 'dist', 'bench', 'subjects', 'detector-subject.js')]); // prettier-ignore
  const theirs = new Subject(`PyTorch eager ${precision}`, python, [pythonFile('detector.py')]);
  const subjects = [ours, theirs];
  try {
    const [weights, picture] = [join(folder, DETECTORS[name]), join(folder, 'picture.png')];
    await ours.ask({ do: 'start', name, weights, picture, precision, threads });
    await theirs.ask({ do: 'start', name, config, folder, precision, threads });
    const times: [number[], number[]] = [[], []];
    const cpuTimes: [number[], number[]] = [[], []];
    const found: Found[] = [];
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
        ? Object.entries(differences(found[0] as Found, found[1] as Found)).map(
            ([what, value]) => row(`largest difference of ${what}, of the largest`, value, null, AGREEMENT, ''), // prettier-ignore
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

/**
 * The largest differences of boxes and features, relative to the largest value. Each of our regions is compared with the one of theirs whose box is nearest,
 * since rounding changes the order of regions with almost equal scores. Infinity when the regions are not the same.
 */
function differences(ours: Found, theirs: Found): { boxes: number; features: number } {
  const [a, b] = [rowsOf(ours), rowsOf(theirs)];
  const nearest = a.map(({ box }) => {
    const distances = b.map((other) => distance(box, other.box));
    return distances.indexOf(Math.min(...distances));
  });
  const isSame = a.length > 0 && a.length === b.length && new Set(nearest).size === b.length;
  const difference = (what: 'box' | 'features'): number => {
    if (!isSame) return Infinity;
    const largest = Math.max(...b.map((row) => distance(row[what], [])));
    return (
      Math.max(...a.map((row, i) => distance(row[what], b[nearest[i] as number]?.[what] as readonly number[]))) /
      largest
    );
  };
  return { boxes: difference('box'), features: difference('features') };
}

function rowsOf({ boxes, features }: Found): { box: readonly number[]; features: readonly number[] }[] {
  const count = boxes.length / 4;
  const width = features.length / count;
  return Array.from({ length: count }, (_, i) => ({
    box: boxes.slice(4 * i, 4 * (i + 1)),
    features: features.slice(width * i, width * (i + 1)),
  }));
}

/** The largest difference of two vectors' values; a missing value is 0. */
function distance(a: readonly number[], b: readonly number[]): number {
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] ?? 0))), 0);
}
