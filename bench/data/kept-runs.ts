// Caches the metrics of runs, so that a stopped comparison resumes.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { benchCache } from '../subjects/python-env.js';

/** The flag of studies that cache what has run. */
export const AGAIN_FLAG = { again: { boolean: true, default: false, describe: 'ignore cached runs' } } as const;

/** The flags of studies with `KeptRuns`. */
export const KEPT_RUNS_FLAGS = {
  minutes: { number: true, default: Infinity, describe: 'start no run after so many minutes' },
  ...AGAIN_FLAG,
} as const;

/** The flag of studies over several seeds, without its description. */
export const SEEDS_FLAG = { array: true as const, number: true as const, default: [0, 1, 2] };

export class KeptRuns {
  readonly folder: string;
  private readonly started = performance.now();
  private readonly minutes: number;

  /** @param again ignores cached runs. @param minutes after which no further run starts */
  constructor(name: string, { again, minutes }: { again: boolean; minutes: number }) {
    this.folder = join(benchCache(), name);
    this.minutes = minutes;
    if (again) rmSync(this.folder, { recursive: true, force: true });
    mkdirSync(this.folder, { recursive: true });
  }

  /** The metrics of a run, cached if it has finished before; `run` gets its folder. */
  async metrics(
    name: string,
    run: (outputDir: string) => Promise<Record<string, number>>,
  ): Promise<Record<string, number>> {
    const path = join(this.folder, `${name}.json`);
    if (!existsSync(path)) {
      this.requireTime();
      const outputDir = join(this.folder, name);
      rmSync(outputDir, { recursive: true, force: true });
      writeFileSync(path, JSON.stringify(await run(outputDir)));
    }
    const metrics = JSON.parse(readFileSync(path, 'utf8')) as Record<string, number>;
    console.error(`${name}: ${JSON.stringify(metrics)}`);
    return metrics;
  }

  /** Ends the process when the time is up. */
  requireTime(): void {
    if (performance.now() - this.started < this.minutes * 60_000) return;
    console.error('the time is up; the same command goes on from here');
    process.exit(0);
  }
}
