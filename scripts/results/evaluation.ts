// Runs an evaluation, or one part of it, and prints the result.
import {
  counted,
  type EvaluateRunOptions,
  evaluateRun,
  evaluateShard,
  type LeftOutImage,
  type Shard,
} from '../../src/node.js';
import { leftOutLines } from '../flags/results.js';
import { createCountBar } from './count-bar.js';

/** Where an evaluation's results go. */
interface ResultArguments {
  output?: string | undefined;
  shard?: Shard | undefined;
  json: boolean;
}

/** Evaluates, or writes a part for `visualbert merge`, and prints the result. */
export async function runEvaluation(
  given: Omit<EvaluateRunOptions, 'output' | 'onBatch'>,
  { output, shard, json }: ResultArguments,
): Promise<void> {
  if (shard !== undefined && output === undefined) throw new Error('Give the file of the part (--output FILE).');
  const bar = createCountBar('examples');
  const options = { ...given, ...(output !== undefined && { output }), onBatch: bar.update };
  if (shard !== undefined && output !== undefined) {
    const part = await evaluateShard({ ...options, shard, output }).finally(bar.stop);
    printPart({ ...given, ...part, output }, json);
  } else {
    const result = await evaluateRun(options).finally(bar.stop);
    printEvaluation({ ...given, ...result, output }, json);
  }
}

/** An evaluation and its result. */
interface EvaluationResult extends Pick<EvaluateRunOptions, 'task' | 'model' | 'purpose'> {
  output?: string | undefined;
  count: number;
  metrics: Record<string, number>;
  leftOut: readonly LeftOutImage[];
}

/** Prints metrics, or the file of the predictions. */
export function printEvaluation(result: EvaluationResult, json: boolean): void {
  const { task, model, purpose, output, count, metrics, leftOut } = result;
  const isEvaluation = purpose === 'evaluate';
  const fields = { task, model, count, ...(isEvaluation ? { metrics } : { output }), leftOut };
  const lines = isEvaluation ? tableOf(count, metrics) : [`${counted(count, 'prediction')}: ${String(output)}`];
  console.log(json ? JSON.stringify(fields, null, 2) : [...leftOutLines(leftOut), ...lines].join('\n'));
}

/** Prints the file of one part of an evaluation. */
function printPart(
  { task, model, output, count, leftOut }: Omit<EvaluationResult, 'metrics' | 'purpose'>,
  json: boolean,
): void {
  const lines = [`outputs for ${counted(count, 'example')}: ${String(output)}`];
  const text = [...leftOutLines(leftOut), ...lines].join('\n');
  console.log(json ? JSON.stringify({ task, model, count, output, leftOut }, null, 2) : text);
}

function tableOf(count: number, metrics: Record<string, number>): string[] {
  const width = Math.max(...Object.keys(metrics).map(({ length }) => length));
  const lines = Object.entries(metrics).map(([name, value]) => `${name.padEnd(width)}  ${Number(value.toFixed(4))}`);
  return [counted(count, 'example'), ...lines];
}
