// A pipeline from its parts and a forward pass, wherever that runs.
import { ConfigError } from '../errors.js';
import type { RawTensor } from '../raw-tensor.js';
import { bucketOf } from '../processing/batch.js';
import { cutOutputs, padBatch } from '../training/loop/batches.js';
import type { ForwardPass } from '../training/step/forward-pass.js';
import { batchedResults } from './batching.js';
import type { CallOptions, Pipeline, PipelineInput, PipelineName, PipelineOutput } from './contract.js';
import { collateExamples, type PipelineExample } from './example.js';
import type { PipelineParts } from './load.js';

const DEFAULT_BATCH_SIZE = 32;
/** A recorded forward pass is padded to one of these, so that few are recorded. */
const BATCH_BUCKETS = [1, 2, 4, 8, 16, 32, 64, 128, 256];

/** What explanations ask of a pipeline beside its results. */
export interface PipelineAccess<T extends PipelineName> extends PipelineParts<T> {
  forward: ForwardPass;
  /** Model inputs of examples, without padding rows. */
  collate(examples: readonly PipelineExample[]): Record<string, RawTensor>;
}

/** The parts of pipelines made here. */
const accesses = new WeakMap<object, unknown>();

/** The parts of a pipeline. @throws ConfigError for anything else */
export function accessTo<T extends PipelineName>(pipeline: Pipeline<T>): PipelineAccess<T> {
  const access = accesses.get(pipeline) as PipelineAccess<T> | undefined;
  if (access === undefined)
    throw new ConfigError('expected a pipeline as pipeline() makes it, and that is not disposed');
  return access;
}

interface CollatedBatch {
  examples: readonly PipelineExample[];
  inputs: Record<string, RawTensor>;
}

/** @throws ConfigError for a batch size that is no positive whole number */
export function createPipeline<T extends PipelineName>(
  parts: PipelineParts<T>,
  forward: ForwardPass,
  batchSize = DEFAULT_BATCH_SIZE,
): Pipeline<T> {
  const { task, head, processor, model } = parts;
  if (!Number.isSafeInteger(batchSize) || batchSize < 1)
    throw new ConfigError(`batchSize: expected a whole number of at least 1, received ${batchSize}`);
  const collate = (examples: readonly PipelineExample[]): Record<string, RawTensor> =>
    collateExamples(examples, processor, head);

  const call = (
    given: PipelineInput<T> | readonly PipelineInput<T>[] | AsyncIterable<PipelineInput<T>>,
    options: CallOptions<T> = {},
  ): unknown => {
    const run = async ({ examples, inputs }: CollatedBatch): Promise<PipelineOutput<T>[]> => {
      const count = examples.length;
      const size = forward.compiled ? Math.min(bucketOf(count, BATCH_BUCKETS), Math.max(count, batchSize)) : count;
      const padded = size === count ? inputs : padBatch({ inputs, count }, size).inputs;
      const outputs = cutOutputs(await forward.outputs(padded), size, count);
      const textLength = inputs['inputIds']?.shape.at(-1) ?? 0;
      return examples.map((example, row) => head.decode({ example, outputs, row, textLength }, options));
    };
    const prepare = (examples: readonly PipelineExample[]): CollatedBatch => ({ examples, inputs: collate(examples) });
    const stream = (
      inputs: AsyncIterable<PipelineInput<T>> | Iterable<PipelineInput<T>>,
    ): AsyncGenerator<PipelineOutput<T>> => {
      accessTo(pipeline);
      return batchedResults(inputs, batchSize, { encode: (input) => head.encode(input), collate: prepare, run });
    };
    if (isAsyncIterable<PipelineInput<T>>(given)) return stream(given);
    if (Array.isArray(given)) return collected(() => stream(given as readonly PipelineInput<T>[]));
    return (async () => {
      accessTo(pipeline);
      const [result] = await run(prepare([await head.encode(given as PipelineInput<T>)]));
      return result;
    })();
  };
  const pipeline = Object.assign(call, {
    task,
    compiled: forward.compiled,
    dispose: async (): Promise<void> => {
      if (!accesses.delete(pipeline)) return;
      await forward.dispose();
      model.dispose();
    },
  }) as Pipeline<T>;
  accesses.set(pipeline, { ...parts, forward, collate } satisfies PipelineAccess<T>);
  return pipeline;
}

async function collected<O>(stream: () => AsyncGenerator<O>): Promise<O[]> {
  const results: O[] = [];
  for await (const result of stream()) results.push(result);
  return results;
}

function isAsyncIterable<I>(value: object): value is AsyncIterable<I> {
  return Symbol.asyncIterator in value;
}
