// Traces one update of a run: TensorFlow's own timeline as a Chrome trace, and its time by type of operation.
import { writeTextAtomic } from '#platform';
import type { ChromeTrace } from '../../engine/session/contract.js';
import { operationTable, operationTimes } from '../../engine/session/operation-times.js';
import { type RawTensors } from '../../raw-tensor.js';

/** Updates before the traced one: they record, allocate and fill caches. */
const WARM_UPDATES = 2;

export class StepProfiler {
  private readonly seen = new Set<string>();
  private updates = 0;
  private isDone = false;

  /** @param file the trace's path. @param print receives lines about it. */
  constructor(
    private readonly file: string,
    private readonly print: (line: string) => void,
  ) {}

  /** Whether this update is the one to trace: the first one after warming up whose shapes have been run before, or the last. */
  isDue(batches: readonly RawTensors[], isLast: boolean): boolean {
    const signature = batches.map((inputs) => Object.values(inputs).map(({ shape }) => shape.join('x'))).join('; ');
    const isWarm = this.updates >= WARM_UPDATES && this.seen.has(signature);
    this.seen.add(signature);
    this.updates += 1;
    return !this.isDone && (isWarm || isLast);
  }

  /** Writes the trace of an update, and prints its path and the time of operations. */
  async write(step: number, trace: ChromeTrace): Promise<void> {
    this.isDone = true;
    await writeTextAtomic(this.file, JSON.stringify(trace));
    this.print(`profile of step ${step}: ${this.file} (open it in https://ui.perfetto.dev or chrome://tracing)`);
    this.print(operationTable(operationTimes(trace)));
  }
}
