// Traces one update of a run: TensorFlow's own timeline as a Chrome trace, and its time by type of operation.
import { writeTextAtomic } from '#platform';
import type { ChromeTrace } from '../../engine/session/contract.js';
import { operationTable, operationTimes } from '../../engine/session/operation-times.js';
import { type RawTensors } from '../../raw-tensor.js';

/** Updates that pass before one is traced: they record, allocate and fill caches. */
const WARM_UPDATES = 2;

export class StepProfiler {
  private readonly seen = new Set<string>();
  private updates = 0;
  private isDone = false;

  /** @param file where the trace goes. @param print takes what is said about it. */
  constructor(
    private readonly file: string,
    private readonly print: (line: string) => void,
  ) {}

  /** Whether this update is the one to trace: the first warm one whose shapes have been run before, or the run's last. */
  isDue(batches: readonly RawTensors[], isLast: boolean): boolean {
    const signature = batches.map((inputs) => Object.values(inputs).map(({ shape }) => shape.join('x'))).join('; ');
    const isWarm = this.updates >= WARM_UPDATES && this.seen.has(signature);
    this.seen.add(signature);
    this.updates += 1;
    return !this.isDone && (isWarm || isLast);
  }

  /** Writes the trace of an update, and says where it is and what takes the time. */
  async write(step: number, trace: ChromeTrace): Promise<void> {
    this.isDone = true;
    await writeTextAtomic(this.file, JSON.stringify(trace));
    this.print(`profile of step ${step}: ${this.file} (open it in https://ui.perfetto.dev or chrome://tracing)`);
    this.print(operationTable(operationTimes(trace)));
  }
}
