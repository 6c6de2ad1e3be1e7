// RegionDetector: pictures in, regions with features out.
import * as tf from '@tensorflow/tfjs';
import type { HubOptions } from '#platform';
import { canCompileDetector, createCompiledPass, loadPicture } from '#vision';
import type { Precision } from '../engine/recording/precision.js';
import { ConfigError } from '../errors.js';
import { isPicture, type Picture } from '../features/picture-detector.js';
import { pickRegions, type RegionFeatures } from '../features/region-features.js';
import type { RgbImage } from '../pictures/rgb-image.js';
import { chooseRegions } from './detector/choose.js';
import { checkedDetectorConfig } from './detector/check-config.js';
import { type DetectorConfig, featureDim } from './detector/config.js';
import type { DetectorPass, OutputValues } from './detector/detector-pass.js';
import { createEagerPass } from './detector/eager-pass.js';
import { freshNetwork } from './detector/initial-weights.js';
import type { DetectorNetwork } from './detector/network.js';
import { batchPictures, type PictureBatch, preparePicture, type PreparedPicture } from './detector/preprocess.js';
import { type DetectorChoice, openDetector } from './weights/open.js';
import { planWeights } from './weights/plan.js';
import { readNetwork } from './weights/read.js';
import { defined, requireBatchSize, requireOptions, requirePath } from '../options.js';
import { chunk } from '../chunk.js';
import { prefetch } from '../prefetch.js';

/** The regions of one picture, by descending scores. */
export interface DetectedRegions extends RegionFeatures {
  /** `[count, 4]`: x1, y1, x2, y2 in pixels of the picture. */
  readonly boxes: Float32Array;
  readonly imageWidth: number;
  readonly imageHeight: number;
  /** `[count]`: numbers of the detector's classes, from 0; the background has none. */
  readonly classes: Int32Array;
  /** `[count]`, from 0 to 1. */
  readonly scores: Float32Array;
  /** `[count]`: numbers of the likeliest attributes, of a detector that has any. */
  readonly attributes?: Int32Array;
  /** `[count]`, from 0 to 1. */
  readonly attributeScores?: Float32Array;
}

/** How a detector computes. */
export interface DetectorComputation {
  /** Record the network once for each shape of pictures. Default: whether the native engine is the backend, on the CPU. */
  compile?: boolean;
  /** Of convolutions and matrix products; others than `fp32` need the recorded network. Default `fp32`. */
  precision?: Precision;
}

/** Options of a `RegionDetector`. */
export interface RegionDetectorOptions extends DetectorComputation {
  /** Of the random weights. Default 0. */
  seed?: number;
  /** Its name among the known ones. */
  name?: string | null;
  /** In place of random weights; the detector owns it. */
  network?: DetectorNetwork;
}

/** Options of `RegionDetector.detect`. */
export interface DetectOptions {
  /** Pictures at a time, under one size. Padding shows at the edges of the smaller ones, as in the originals. Default 1: no picture changes another's regions. */
  batchSize?: number;
}

/**
 * Finds the regions of pictures that VisualBERT reads.
 * @example
 * const detector = await RegionDetector.fromPretrained('pytorch_model.bin', { detector: 'vg-r101-c4' });
 * const [regions] = await detector.detect(['photo.jpg']);
 * @see `namedDetector` for the detectors that are known by name
 */
export class RegionDetector {
  /** Its name among the known ones; null for settings of one's own. */
  readonly name: string | null;
  readonly config: DetectorConfig;
  private readonly network: DetectorNetwork;
  private readonly computation: DetectorComputation;
  /** Made when the first pictures come: its backend is that of the first call. */
  private pass: Promise<DetectorPass> | null = null;

  /** A detector with random weights, or with a network of its own. @throws ConfigError for settings that no detector can have. */
  constructor(config: DetectorConfig, options: RegionDetectorOptions = {}) {
    requireOptions('RegionDetector', options);
    const { seed = 0, name = null, network, ...computation } = options;
    this.config = checkedDetectorConfig(config);
    this.name = name;
    this.network = network ?? freshNetwork(this.config, seed);
    this.computation = computation;
  }

  /**
   * Loads a detector: a folder of `visualbert convert`, a file (`.safetensors`, `.bin`, `.pth`, `.pkl`), an address or a repository of the hub.
   * @throws CheckpointError when the weights are absent, damaged or another detector's; ConfigError when nothing says which detector it is.
   */
  static async fromPretrained(
    where: string,
    given: DetectorChoice & HubOptions & DetectorComputation = {},
  ): Promise<RegionDetector> {
    requirePath('RegionDetector.fromPretrained', where);
    requireOptions('RegionDetector.fromPretrained', given);
    const { compile, precision, ...options } = given;
    const { name, config, file } = await openDetector(where, options);
    try {
      const network = await readNetwork(planWeights(file, config));
      return new RegionDetector(config, {
        ...{ name, network, compile, precision },
      });
    } finally {
      await file.close();
    }
  }

  /** Width of the features. */
  get dim(): number {
    return featureDim(this.config);
  }

  /**
   * The regions of each picture: a path, an address, the bytes of a file, or pixels.
   * @throws DataError naming a picture that cannot be read.
   */
  async detect(
    pictures: readonly (Picture | RgbImage)[],
    { batchSize = 1 }: DetectOptions = {},
  ): Promise<DetectedRegions[]> {
    requireBatchSize(batchSize);
    const pass = await (this.pass ??= this.createPass().catch((error: unknown) => {
      this.pass = null; // the network is still the detector's
      throw error;
    }));
    const found: DetectedRegions[] = [];
    const batches = prefetch(chunk(pictures, batchSize), 0, (some) => this.prepare(some, pass));
    for await (const batch of batches) found.push(...(await this.detectBatch(batch, pass))); // the next is prepared meanwhile
    return found;
  }

  /** Frees the weights. */
  async dispose(): Promise<void> {
    const { pass } = this;
    if (pass === null) tf.dispose(this.network as unknown as tf.TensorContainer);
    else await (await pass).dispose();
  }

  private async createPass(): Promise<DetectorPass> {
    tf.backend(); // starts the backend that is about to be asked for
    const { compile = canCompileDetector(), precision = 'fp32' } = this.computation;
    if (compile) return createCompiledPass(this.network, this.config, precision);
    if (precision !== 'fp32')
      throw new ConfigError(`RegionDetector: precision "${precision}" needs the native engine; use fp32 without it`);
    return createEagerPass(this.network, this.config);
  }

  private async prepare(pictures: readonly (Picture | RgbImage)[], { shapes }: DetectorPass): Promise<PreparedBatch> {
    const images = await Promise.all(pictures.map((picture) => (isPicture(picture) ? loadPicture(picture) : picture)));
    const prepared = images.map((image) => preparePicture(image, this.config));
    return { images, prepared, batch: batchPictures(prepared, this.config, shapes) };
  }

  private async detectBatch(
    { images, prepared, batch }: PreparedBatch,
    pass: DetectorPass,
  ): Promise<DetectedRegions[]> {
    const values = await pass.run(batch);
    return images.map((image, i) =>
      this.regionsOf(image, prepared[i] as PreparedPicture, pictureValues(values, i, images.length)),
    );
  }

  private regionsOf(image: RgbImage, { scale }: PreparedPicture, values: OutputValues): DetectedRegions {
    const { proposals, features, probabilities, moved, attributes, attributeScores } = values;
    const { width, height } = image;
    const { dim } = this;
    const { rows, boxes, classes, scores } = chooseRegions(
      { proposals, probabilities, scale, width, height, moved },
      this.config,
    );
    const all = { features, dim, count: features.length / dim, ...defined({ attributes, attributeScores }) };
    return { ...pickRegions(all, rows), boxes, imageWidth: width, imageHeight: height, classes, scores };
  }
}

/** Pictures as they were read, resized, and under one size. */
interface PreparedBatch {
  images: RgbImage[];
  prepared: PreparedPicture[];
  batch: PictureBatch;
}

/** One picture's share of the values, without rows that hold no proposal. */
function pictureValues(values: OutputValues, picture: number, pictures: number): OutputValues {
  const p = values.objectness.length / pictures;
  const scores = values.objectness.subarray(picture * p, (picture + 1) * p);
  const none = scores.indexOf(Number.NEGATIVE_INFINITY);
  const count = none < 0 ? p : none;
  const share = (all: Float32Array | Int32Array): Float32Array | Int32Array => {
    const each = all.length / (p * pictures);
    return all.subarray(picture * p * each, (picture * p + count) * each);
  };
  return Object.fromEntries(Object.entries(values).map(([name, all]) => [name, share(all)])) as unknown as OutputValues;
}
