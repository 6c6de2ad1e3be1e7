// The server's model: reads the images of requests, runs them through the queue, and explains answers.
import { explain } from '../explain/explain.js';
import type { ExplainOptions, Explanation } from '../explain/contract.js';
import type { RegionFeatures } from '../features/region-features.js';
import { regionsOfRows } from '../features/region-rows.js';
import type { Pipeline } from '../pipelines/contract.js';
import { accessTo, type PipelineAccess } from '../pipelines/create.js';
import { type PipelineExample, truncationOf } from '../pipelines/example.js';
import type { ServedImages } from './images.js';
import { ModelQueue, type QueueOptions } from './queue.js';
import { withInputErrors } from './request-error.js';
import type { ImageBody, TaskResponse } from './schemas.js';
import { callOptions, SERVED_TASKS, type ServedName, type ServedTask } from './tasks.js';

/** A checked body of a request to the model's task. */
export interface TaskBody {
  regions: ImageBody | readonly ImageBody[];
  topK?: number | undefined;
  [field: string]: unknown;
}

/** The usual number of regions per image, for warming up without a store. */
const USUAL_REGIONS = 36;

/** Answers requests with one pipeline. */
export class ModelService<T extends ServedName> {
  readonly name: T;
  readonly task: ServedTask<T>;
  readonly queue: ModelQueue;
  private readonly access: PipelineAccess<T>;

  constructor(
    readonly pipeline: Pipeline<T>,
    readonly images: ServedImages,
    private readonly options: QueueOptions,
  ) {
    this.name = pipeline.task;
    this.task = SERVED_TASKS[this.name];
    this.access = accessTo(pipeline);
    const { collate, run } = this.access;
    const memory = { zeros: reusedZeros() };
    this.queue = new ModelQueue(async (examples) => run(collate(examples, memory)), options);
  }

  /** Describes the model for clients. */
  describe(): { visualEmbeddingDim: number; maxLength: number; model: string; compiled: boolean } {
    const { model, forward, processor } = this.access;
    return {
      model: model.className,
      compiled: forward.compiled,
      visualEmbeddingDim: model.config.visualEmbeddingDim,
      maxLength: processor.maxLength,
    };
  }

  /** A body that can be sent as it is: with images of the store, or where there is none with one region of zeros. */
  example(): TaskBody {
    const [first, second = first] = this.images.search('', 0, 2).ids;
    const zeros = { features: [Array<number>(this.describe().visualEmbeddingDim).fill(0)] };
    const [one, other] = [first, second].map((image) => (image === undefined ? zeros : { image })) as [object, object];
    return { ...this.task.sample, regions: this.task.hasSeveralImages ? [one, other] : one };
  }

  /** @throws RequestError saying what was expected */
  async answer({ regions, topK, ...body }: TaskBody, signal: AbortSignal): Promise<TaskResponse> {
    const { head } = this.access;
    const example = await this.encode(body, await this.regionsOf(regions));
    const result = await this.queue.example(example, signal);
    return withInputErrors(async () => ({
      ...this.task.answerOf(head.decode(result, callOptions<T>(topK))),
      ...truncationOf(example),
    }));
  }

  /** @throws RequestError saying what was expected */
  async explain({ regions, ...body }: TaskBody, options: ExplainOptions, signal: AbortSignal): Promise<Explanation> {
    const input = this.task.inputOf(body, await this.regionsOf(regions));
    return this.queue.alone(() => withInputErrors(() => explain(this.pipeline, input, options)), signal);
  }

  /** The regions of an image, for the page. */
  async regionsOfImage({ image, features, boxes, width, height, picture }: ImageBody): Promise<RegionFeatures> {
    if (image !== undefined) return this.images.regionsOf(image);
    if (features === undefined) return this.images.regionsIn(picture ?? '', (work) => this.queue.alone(work));
    return {
      ...regionsOfRows(features, 'features'),
      ...(boxes === undefined ? {} : { boxes: Float32Array.from(boxes.flat()) }),
      ...(width === undefined ? {} : { imageWidth: width }),
      ...(height === undefined ? {} : { imageHeight: height }),
    };
  }

  /** An example of the task's sample with the first image of the store, or with regions of zeros. @throws DataError for a store of another width */
  async sample(): Promise<PipelineExample> {
    const { images, task } = this;
    const [id] = images.search('', 0, 1).ids;
    const { visualEmbeddingDim: dim } = this.describe();
    const zeros = { count: USUAL_REGIONS, dim, features: new Float32Array(USUAL_REGIONS * dim) };
    const regions = id === undefined ? zeros : await images.regionsOf(id);
    return this.access.head.encode(task.inputOf(task.sample, task.hasSeveralImages ? [regions, regions] : [regions]));
  }

  /** Runs an example in batches of each size that is recorded, so that no request waits for a recording. @param signal ends it after a batch */
  async warmUp(example: PipelineExample, signal: AbortSignal): Promise<void> {
    for (let size = 1; !signal.aborted; size = Math.min(2 * size, this.options.batchSize)) {
      const examples: PipelineExample[] = Array.from({ length: size }, () => example);
      await this.queue.alone(() => this.access.run(this.access.collate(examples)));
      if (size >= this.options.batchSize) return;
    }
  }

  /** Finishes waiting and running requests, and frees the model. */
  async close(): Promise<void> {
    await this.queue.close();
    await this.pipeline.dispose();
    await this.images.close();
  }

  private encode(body: Readonly<Record<string, unknown>>, images: readonly RegionFeatures[]): Promise<PipelineExample> {
    return withInputErrors(() => this.access.head.encode(this.task.inputOf(body, images)));
  }

  private regionsOf(regions: ImageBody | readonly ImageBody[]): Promise<RegionFeatures[]> {
    const images: readonly ImageBody[] = Array.isArray(regions) ? regions : [regions as ImageBody];
    return Promise.all(images.map((image) => this.regionsOfImage(image)));
  }
}

/** Values of a batch whose memory is kept for the next: 16 MB. */
const MOST_KEPT = 4 * 2 ** 20;

/** Zeros in the memory of the batch before: with new arrays of megabytes for each batch, a server collected garbage for 2% of its time. */
function reusedZeros(): (length: number) => Float32Array {
  let memory = new Float32Array();
  return (length) => {
    if (length > MOST_KEPT) return new Float32Array(length);
    if (memory.length < length) memory = new Float32Array(length);
    return memory.subarray(0, length).fill(0);
  };
}
