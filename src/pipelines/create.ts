// Creates a pipeline from its parts and a forward pass.
import { RunningCalls } from '../calls/running-calls.js';
import { ConfigError } from '../errors.js';
import { requireKnown } from '../options.js';
import type { RawTensor } from '../raw-tensor.js';
import { bucketOf, type Buckets, DEFAULT_BUCKETS, type PadOptions } from '../processing/batch.js';
import { cutOutputs, filledInputs } from '../inference/fill-batch.js';
import { batchedResults } from './batching.js';
import type { CallOptions, Pipeline, PipelineInput, PipelineName, PipelineOutput } from './contract.js';
import { collateExamples, type PipelineExample } from './example.js';
import type { ExampleOutputs } from './head.js';
import { errorOfInput } from './input.js';
import type { PipelineParts } from './load.js';

/** Examples per batch of a pipeline or an evaluation. */
export const DEFAULT_BATCH_SIZE = 32;
/** Batches of a recorded forward pass are padded to these sizes, so that few are recorded. */
const BATCH_BUCKETS = [1, 2, 4, 8, 16, 32, 64, 128, 256];
/** Lengths where the encoder computes no padding, but embeddings do (in int8 2% of a question's time for 16 tokens): few are recorded. */
const LEFT_OUT_BUCKETS: Buckets = { text: [16, 48, 128, 512], regions: [16, 36, 64, 100, 144, 288] };

/** A pipeline's parts, and the stages of running examples through its model. */
export interface PipelineAccess<T extends PipelineName> extends PipelineParts<T> {
  /**
   * Model inputs of examples with the same number of choices.
   * @param padding `buckets`: default for `run`; `zeros`: memory that no other batch uses until this one has run
   */
  collate(
    examples: readonly PipelineExample[],
    padding?: Partial<Pick<PadOptions, 'buckets' | 'zeros'>>,
  ): CollatedBatch;
  /** Pads inputs of `count` examples to a recorded batch size; unchanged where nothing is recorded. */
  pad(inputs: Record<string, RawTensor>, count: number): { inputs: Record<string, RawTensor>; size: number };
  /** Returns each example with its row of the outputs. */
  run(batch: CollatedBatch): Promise<ExampleOutputs[]>;
}

/** Examples and their model inputs. */
export interface CollatedBatch {
  examples: readonly PipelineExample[];
  inputs: Record<string, RawTensor>;
}

/** Where a pipeline has its parts and its calls. */
const OPENED = Symbol('opened');

interface Opened<T extends PipelineName> {
  access: PipelineAccess<T>;
  calls: RunningCalls;
}

function openedOf<T extends PipelineName>(pipeline: Pipeline<T>): Opened<T> {
  const opened = (pipeline as { [OPENED]?: Opened<T> } | null | undefined)?.[OPENED];
  if (opened === undefined) throw new ConfigError('expected a pipeline made by pipeline()');
  return opened;
}

/** The parts of a pipeline. @throws ConfigError for anything else, and after `dispose` */
export function accessTo<T extends PipelineName>(pipeline: Pipeline<T>): PipelineAccess<T> {
  const { access, calls } = openedOf(pipeline);
  calls.requireOpen();
  return access;
}

/** Runs `use` as a call of the pipeline: `dispose` waits for it. @throws ConfigError as `accessTo` does */
export async function usePipeline<T extends PipelineName, R>(
  pipeline: Pipeline<T>,
  use: (access: PipelineAccess<T>) => Promise<R>,
): Promise<R> {
  const { access, calls } = openedOf(pipeline);
  return calls.run(() => use(access));
}

/** A pipeline over parts, which it owns. */
export function createPipeline<T extends PipelineName>(
  parts: PipelineParts<T>,
  batchSize = DEFAULT_BATCH_SIZE,
): Pipeline<T> {
  const { task, head, model, forward, isBorrowed } = parts;
  const access: PipelineAccess<T> = createAccess(parts, batchSize);
  const { collate, run } = access;
  const calls = new RunningCalls(
    () => new ConfigError(`${task}: the pipeline was disposed; create it again, or dispose it after its last use`),
  );
  type Input = PipelineInput<T>;
  type Output = PipelineOutput<T>;

  const encodeNumbered = (): ((input: Input) => Promise<PipelineExample>) => {
    let count = 0;
    return async (input) => {
      const index = count++;
      try {
        return await head.encode(input);
      } catch (error) {
        throw errorOfInput(index, error);
      }
    };
  };
  type Given = Input | readonly Input[] | Iterable<Input> | AsyncIterable<Input>;
  const call = (given: Given, options: CallOptions<T> = {}): unknown => {
    requireKnown(task, options, ['topK']);
    const stream = (
      inputs: AsyncIterable<Input> | Iterable<Input>,
      encode = encodeNumbered(),
    ): AsyncGenerator<Output> =>
      batchedResults(inputs, batchSize, {
        encode,
        collate,
        run: async (batch) => (await run(batch)).map((computed) => head.decode(computed, options)),
      });
    if (Array.isArray(given)) return calls.run(() => collected(stream(given as readonly Input[])));
    if (isIterable<Input>(given)) return calls.each(stream(given));
    return calls.run(async () => (await collected(stream([given as Input], (input) => head.encode(input))))[0]);
  };
  const members = {
    task,
    compiled: forward.compiled,
    [OPENED]: { access, calls },
    dispose: (): Promise<void> =>
      calls.end(async () => {
        await forward.dispose();
        if (isBorrowed !== true) model.dispose();
      }),
  };
  return Object.assign(call, members) as unknown as Pipeline<T>;
}

/** A model's parts and stages, without a pipeline. */
export function createAccess<T extends PipelineName>(
  parts: PipelineParts<T>,
  batchSize = DEFAULT_BATCH_SIZE,
): PipelineAccess<T> {
  const { forward, head } = parts;
  const leavesOutPadding = forward.leavesOutPadding(head.asked === null ? {} : { [head.asked.name]: true });
  const buckets = leavesOutPadding ? LEFT_OUT_BUCKETS : DEFAULT_BUCKETS;
  const pad: PipelineAccess<T>['pad'] = (inputs, count) => {
    const size = forward.compiled ? Math.min(bucketOf(count, BATCH_BUCKETS), Math.max(count, batchSize)) : count;
    return { size, inputs: size === count ? inputs : filledInputs({ inputs, labels: [], count }, size) };
  };
  return {
    ...parts,
    pad,
    collate: (examples, padding) => ({
      examples,
      inputs: collateExamples(examples, parts.processor, head, { buckets, ...padding }),
    }),
    run: async ({ examples, inputs }) => {
      const padded = pad(inputs, examples.length);
      const outputs = cutOutputs(await forward.outputs(padded.inputs), padded.size, examples.length);
      const textLength = inputs['inputIds']?.shape.at(-1) ?? 0;
      return examples.map((example, row) => ({ example, outputs, row, textLength }));
    },
  };
}

async function collected<O>(stream: AsyncGenerator<O>): Promise<O[]> {
  const results: O[] = [];
  for await (const result of stream) results.push(result);
  return results;
}

function isIterable<I>(value: unknown): value is AsyncIterable<I> | Iterable<I> {
  return typeof value === 'object' && value !== null && (Symbol.asyncIterator in value || Symbol.iterator in value);
}
