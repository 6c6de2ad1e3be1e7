// RegionDetector: detects regions with features in pictures.
import { tf } from '#tf';
import type { HubOptions } from '#platform';
import { canCompileDetector, createCompiledPass } from '#vision';
import { RunningCalls } from '../calls/running-calls.js';
import { type Precision, PRECISIONS } from '../precision.js';
import { ConfigError } from '../errors.js';
import { type Picture, requirePictureList } from '../features/picture-detector.js';
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
import { pixelsOf } from './read-picture.js';
import { readNetwork } from './weights/read.js';
import { defined, oneOf, requireBatchSize, requireOption, requireOptions, requirePath } from '../options.js';
import { chunk, prefetch } from '../lists.js';

/** The regions of one picture, by descending scores. */
export interface DetectedRegions extends RegionFeatures {
  /** `[count, 4]`: x1, y1, x2, y2 in pixels of the picture. */
  readonly boxes: Float32Array;
  readonly imageWidth: number;
  readonly imageHeight: number;
  /** `[count]`: class indices from 0, without background. */
  readonly classes: Int32Array;
  /** `[count]`, from 0 to 1. */
  readonly scores: Float32Array;
  /** `[count]`: indices of the most likely attributes; absent without attributes. */
  readonly attributes?: Int32Array;
  /** `[count]`, from 0 to 1. */
  readonly attributeScores?: Float32Array;
}

/** Compilation and precision of a detector. */
export interface DetectorComputation {
  /** Record the network once for each shape of pictures. Default: true when the backend is the native engine on the CPU. */
  compile?: boolean;
  /** Precision of convolutions and matrix products; others than `fp32` need `compile`. Default `fp32`. */
  precision?: Precision;
}

/** Options of a `RegionDetector`. */
export interface RegionDetectorOptions extends DetectorComputation {
  /** Seed of the random weights. Default 0. */
  seed?: number;
  /** The detector's preset name. */
  name?: string | null;
  /** Used instead of random weights; the detector owns it. */
  network?: DetectorNetwork;
}

/** Options of `RegionDetector.detect`. */
export interface DetectOptions {
  /** Pictures at a time, padded to one size. As in the originals, padding affects the edges of the smaller ones; 1 (default) avoids this. */
  batchSize?: number;
}

/**
 * Detects regions in pictures, with the features that VisualBERT reads.
 * @example
 * const detector = await RegionDetector.fromPretrained('pytorch_model.bin', { detector: 'vg-r101-c4' });
 * const [regions] = await detector.detect(['photo.jpg']);
 * await detector.dispose();
 * @see `namedDetector` for the presets
 */
export class RegionDetector {
  /** Preset name; null for custom settings. */
  readonly name: string | null;
  readonly config: DetectorConfig;
  private readonly network: DetectorNetwork;
  private readonly computation: DetectorComputation;
  /** Created by the first call, for its backend. */
  private pass: Promise<DetectorPass> | null = null;
  private readonly calls = new RunningCalls(
    () =>
      new ConfigError(
        'RegionDetector.detect: the detector was disposed; load it again, or dispose it after its last use',
      ),
  );

  /** Creates a detector with random weights, or with the given network. @throws ConfigError for invalid settings. */
  constructor(config: DetectorConfig, options: RegionDetectorOptions = {}) {
    requireOptions('RegionDetector', options);
    const { seed = 0, name = null, network, ...computation } = options;
    this.config = checkedDetectorConfig(config);
    this.name = name;
    this.network = network ?? freshNetwork(this.config, seed);
    this.computation = computation;
  }

  /**
   * Loads a detector: a folder written by `visualbert convert`, a file (`.safetensors`, `.bin`, `.pth`, `.pkl`), an address or a repository of the hub.
   * @throws CheckpointError when the weights are missing, damaged or another detector's; ConfigError when the detector is not named.
   */
  static async fromPretrained(
    where: string,
    given: DetectorChoice & HubOptions & DetectorComputation = {},
  ): Promise<RegionDetector> {
    requirePath('RegionDetector.fromPretrained', where);
    requireOptions('RegionDetector.fromPretrained', given);
    const { compile, precision, ...options } = given;
    requireOption('RegionDetector.fromPretrained: precision', precision, oneOf(PRECISIONS));
    const { name, config, layout, file } = await openDetector(where, options);
    try {
      const network = await readNetwork(planWeights(file, config, layout));
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
   * Detects the regions of each picture: a path, a URL, the bytes of a file, or pixels.
   * @throws DataError naming a picture that cannot be read; ConfigError for anything but a list, and after `dispose`.
   */
  async detect(
    pictures: readonly (Picture | RgbImage)[],
    { batchSize = 1 }: DetectOptions = {},
  ): Promise<DetectedRegions[]> {
    requirePictureList('RegionDetector.detect', pictures);
    requireBatchSize(batchSize);
    return this.calls.run(() => this.detectAll(pictures, batchSize));
  }

  /** Frees the weights once running calls have ended; later ones throw. */
  dispose(): Promise<void> {
    return this.calls.end(async () => {
      if (this.pass === null) tf.dispose(this.network as unknown as tf.TensorContainer);
      else await (await this.pass).dispose();
    });
  }

  private async detectAll(pictures: readonly (Picture | RgbImage)[], batchSize: number): Promise<DetectedRegions[]> {
    const pass = await (this.pass ??= this.createPass().catch((error: unknown) => {
      this.pass = null; // the network still belongs to the detector
      throw error;
    }));
    const found: DetectedRegions[] = [];
    const batches = prefetch(chunk(pictures, batchSize), 0, (some) => this.prepare(some, pass));
    for await (const batch of batches) found.push(...(await this.detectBatch(batch, pass))); // the next batch is prepared at the same time
    return found;
  }

  private async createPass(): Promise<DetectorPass> {
    tf.backend(); // initialises the backend that canCompileDetector checks
    const { compile = canCompileDetector(), precision = 'fp32' } = this.computation;
    if (compile) return createCompiledPass(this.network, this.config, precision);
    if (precision !== 'fp32')
      throw new ConfigError(`RegionDetector: precision "${precision}" needs the native engine; use fp32 without it`);
    return createEagerPass(this.network, this.config);
  }

  private async prepare(pictures: readonly (Picture | RgbImage)[], { shapes }: DetectorPass): Promise<PreparedBatch> {
    const images = await Promise.all(pictures.map((picture) => pixelsOf('RegionDetector', picture)));
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

/** Pictures as read, as resized, and padded to one size. */
interface PreparedBatch {
  images: RgbImage[];
  prepared: PreparedPicture[];
  batch: PictureBatch;
}

/** One picture's values, without empty rows. */
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
