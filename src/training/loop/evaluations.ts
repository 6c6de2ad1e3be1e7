// The evaluations of a run: when they are due, which one is best, and what is logged.
import { join } from 'node:path';
import { writeTextAtomic } from '#platform';
import { ConfigError } from '../../errors.js';
import { duration } from '../log/progress.js';
import { NoteCollector, notesTable, type NotesSummary } from '../report/example-notes.js';
import { EXAMPLES_FILE } from '../report/run-facts.js';
import { finiteOf } from '../run-folder/trainer-state.js';
import { isBetter } from '../best.js';
import { type RunContext } from './run-context.js';
import { type Validated, Validation } from './validation.js';

/** Evaluates the validation examples of a run. */
export class Evaluations<E> {
  /** Metrics of the last evaluation since this start. */
  last: Record<string, number> | null = null;
  private readonly validation: Validation<E> | null;

  constructor(private readonly run: RunContext<E>) {
    this.validation = run.validation === null ? null : new Validation(run, run.validation);
  }

  /** Evaluates the current weights, or their moving average if used, and logs the result. No metrics when a signal interrupted it. */
  async evaluate(): Promise<Validated> {
    const { trainingStep, log, progress, stepsPerEpoch } = this.run;
    if (this.validation === null) return { metrics: null, stoppedBy: null };
    const { step } = trainingStep;
    const started = performance.now();
    const notes = new NoteCollector();
    const { metrics, stoppedBy } = await this.validation.evaluate((found) => found.forEach((note) => notes.add(note)));
    if (metrics === null) return { metrics, stoppedBy };
    const seconds = (performance.now() - started) / 1000;
    this.last = metrics;
    const isBest = this.rank(step, metrics);
    log.evaluate(step, step / stepsPerEpoch, metrics, seconds);
    await this.logDetails(step, notes.summary(), isBest);
    const shown = Object.entries(metrics).map(([name, value]) => `${name} ${Number(value.toFixed(4))}`);
    progress.line(`evaluation after step ${step}: ${shown.join(', ')}${isBest ? ' (best)' : ''}, ${duration(seconds)}`);
    return { metrics, stoppedBy };
  }

  /** Whether early stopping ends the run here: too many evaluations in a row without improvement. */
  stopsEarly(): boolean {
    const { state, trainingStep, totalSteps, progress, arguments: given } = this.run;
    const { staleEvaluations } = state;
    if (staleEvaluations < (given.patience ?? Infinity) || trainingStep.step >= totalSteps) return false;
    progress.line(`no improvement in ${staleEvaluations} evaluations: stopping early`);
    return true;
  }

  /** Compares metrics with the best so far, and updates it. */
  private rank(step: number, metrics: Record<string, number>): boolean {
    const { state, task } = this.run;
    const { name, primaryMetric } = task;
    const value = metrics[primaryMetric];
    if (value === undefined) {
      throw new ConfigError(
        `task ${name}: its primary metric "${primaryMetric}" is missing; received ${Object.keys(metrics).join(', ')}`,
      );
    }
    const { best } = state;
    const isBest = isBetter(metrics, best === null ? null : { ...best.metrics, [primaryMetric]: best.value }, task);
    if (isBest) state.best = { step, value, metrics: finiteOf(metrics) };
    state.staleEvaluations = isBest ? 0 : state.staleEvaluations + 1;
    state.evaluatedStep = step;
    return isBest;
  }

  /** Logs examples for the report and TensorBoard, and on request the distributions of parameters. */
  private async logDetails(step: number, notes: NotesSummary, isBest: boolean): Promise<void> {
    const { log, model, arguments: given } = this.run;
    if (notes.count > 0) log.text(step, 'evaluate/examples', notesTable(notes.first));
    if (notes.count > 0 && isBest) {
      await writeTextAtomic(join(given.outputDir, EXAMPLES_FILE), `${JSON.stringify(notes)}\n`);
    }
    if (!given.histograms) return;
    for (const [name, parameter] of model.namedParameters()) {
      log.histogram(step, `parameters/${name}`, await parameter.data());
    }
  }
}
