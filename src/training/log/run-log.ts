// Logs the metrics of a run: metrics.jsonl and TensorBoard events, from the same calls.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { MetricsLog } from './metrics-log.js';
import { TensorBoardWriter } from './tensorboard.js';

export const METRICS_FILE = 'metrics.jsonl';

export class RunLog {
  /** Time and size of the updates since the last line. */
  private pace = { seconds: 0, steps: 0, examples: 0 };

  private constructor(
    private readonly metrics: MetricsLog,
    private readonly events: TensorBoardWriter,
  ) {}

  /** Opens the log of a run that starts after `step`, last evaluated at `evaluatedStep`; later lines are removed, since the run writes them again. */
  static async open(
    runDir: string,
    { step, evaluatedStep, run }: { step: number; evaluatedStep: number; run: object },
  ): Promise<RunLog> {
    const metrics = await MetricsLog.open(join(runDir, METRICS_FILE), { train: step, evaluate: evaluatedStep });
    const eventsDir = join(runDir, 'tensorboard');
    if (step === 0) await rm(eventsDir, { recursive: true, force: true }); // events of a start without a checkpoint
    const events = new TensorBoardWriter(eventsDir, { startStep: step });
    if (step === 0) events.hyperparameters(run);
    if (step === 0) events.text(0, 'run', `\`\`\`json\n${JSON.stringify(run, null, 2)}\n\`\`\``);
    return new RunLog(metrics, events);
  }

  /** Counts one update for the next line's pace. */
  timeStep(seconds: number, examples: number): void {
    this.pace.seconds += seconds;
    this.pace.steps += 1;
    this.pace.examples += examples;
  }

  /** Logs training: means since the last line. */
  train(step: number, epoch: number, means: { loss: number; gradientNorm: number; learningRate: number }): void {
    const { seconds, steps, examples } = this.pace;
    this.pace = { seconds: 0, steps: 0, examples: 0 };
    this.write('train', step, epoch, {
      ...means,
      secondsPerStep: round(seconds / Math.max(1, steps)),
      examplesPerSecond: round(examples / Math.max(1e-9, seconds)),
      memoryMb: Math.round(process.memoryUsage.rss() / 2 ** 20),
    });
  }

  /** Logs an evaluation. */
  evaluate(step: number, epoch: number, metrics: Record<string, number>, seconds: number): void {
    this.write('evaluate', step, epoch, { ...metrics, seconds: round(seconds) });
  }

  /** Logs Markdown to TensorBoard. */
  text(step: number, tag: string, markdown: string): void {
    this.events.text(step, tag, markdown);
  }

  /** Logs a distribution to TensorBoard. */
  histogram(step: number, tag: string, values: ArrayLike<number>): void {
    this.events.histogram(step, tag, values);
  }

  private write(event: 'train' | 'evaluate', step: number, epoch: number, values: Record<string, number>): void {
    this.metrics.add({ event, step, epoch, ...values });
    this.events.scalars(
      step,
      Object.fromEntries(Object.entries(values).map(([name, value]) => [`${event}/${name}`, value])),
    );
  }
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}
