// RegionDetector: pictures in, regions with features out.
import * as tf from '@tensorflow/tfjs';
import type { HubOptions } from '#platform';
import { ConfigError } from '../errors.js';
import { isPicture, type Picture } from '../features/picture-detector.js';
import type { RegionFeatures } from '../features/region-features.js';
import { loadPicture } from '../pictures/load.js';
import type { RgbImage } from '../pictures/png.js';
import { chooseRegions } from './detector/choose.js';
import { checkedDetectorConfig } from './detector/check-config.js';
import { type DetectorConfig, featureDim } from './detector/config.js';
import { type DetectorOutputs, runDetector } from './detector/forward.js';
import { freshNetwork } from './detector/initial-weights.js';
import type { DetectorNetwork } from './detector/network.js';
import { batchPictures, preparePicture, type PreparedPicture } from './detector/preprocess.js';
import { type DetectorChoice, openDetector } from './weights/open.js';
import { planWeights } from './weights/plan.js';
import { readNetwork } from './weights/read.js';

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

/** Options of a `RegionDetector`. */
export interface RegionDetectorOptions {
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

  /** A detector with random weights, or with a network of its own. @throws ConfigError for settings that no detector can have. */
  constructor(config: DetectorConfig, { seed = 0, name = null, network }: RegionDetectorOptions = {}) {
    this.config = checkedDetectorConfig(config);
    this.name = name;
    this.network = network ?? freshNetwork(this.config, seed);
  }

  /**
   * Loads a detector: a folder of `visualbert convert`, a file (`.safetensors`, `.bin`, `.pth`, `.pkl`), an address or a repository of the hub.
   * @throws CheckpointError when the weights are absent, damaged or another detector's; ConfigError when nothing says which detector it is.
   */
  static async fromPretrained(where: string, options: DetectorChoice & HubOptions = {}): Promise<RegionDetector> {
    const { name, config, file } = await openDetector(where, options);
    try {
      const network = await readNetwork(planWeights(file, config));
      return new RegionDetector(config, { name, network });
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
    if (!(Number.isInteger(batchSize) && batchSize > 0)) {
      throw new ConfigError(`RegionDetector: expected batchSize to be a whole number above 0, received ${batchSize}`);
    }
    const found: DetectedRegions[] = [];
    for (let i = 0; i < pictures.length; i += batchSize) {
      const images = await Promise.all(
        pictures.slice(i, i + batchSize).map((picture) => (isPicture(picture) ? loadPicture(picture) : picture)),
      );
      found.push(...(await this.detectBatch(images)));
    }
    return found;
  }

  dispose(): void {
    tf.dispose(this.network as unknown as tf.TensorContainer);
  }

  private async detectBatch(images: readonly RgbImage[]): Promise<DetectedRegions[]> {
    const prepared = images.map((image) => preparePicture(image, this.config));
    const { shape, pixels, sizes } = batchPictures(prepared, this.config);
    const outputs = tf.tidy(() =>
      runDetector(tf.tensor4d(pixels, shape), tf.tensor2d(sizes, [shape[0], 2]), this.network, this.config),
    );
    const values = await valuesOf(outputs);
    return images.map((image, i) =>
      this.regionsOf(image, prepared[i] as PreparedPicture, pictureValues(values, i, shape[0])),
    );
  }

  private regionsOf(image: RgbImage, { scale }: PreparedPicture, values: OutputValues): DetectedRegions {
    const { proposals, features, probabilities, moved, attributes, attributeScores } = values;
    const { rows, boxes, classes, scores } = chooseRegions(
      {
        proposals,
        probabilities,
        scale,
        width: image.width,
        height: image.height,
        ...(moved !== undefined && { moved }),
      },
      this.config,
    );
    const { dim } = this;
    const own = new Float32Array(rows.length * dim);
    rows.forEach((row, i) => own.set(features.subarray(row * dim, (row + 1) * dim), i * dim));
    return {
      features: own,
      count: rows.length,
      dim,
      boxes,
      imageWidth: image.width,
      imageHeight: image.height,
      classes,
      scores,
      ...(attributes !== undefined && { attributes: Int32Array.from(rows, (row) => attributes[row] as number) }),
      ...(attributeScores !== undefined && {
        attributeScores: Float32Array.from(rows, (row) => attributeScores[row] as number),
      }),
    };
  }
}

/** The outputs as arrays. */
interface OutputValues {
  objectness: Float32Array;
  proposals: Float32Array;
  features: Float32Array;
  probabilities: Float32Array;
  moved?: Float32Array;
  attributes?: Int32Array;
  attributeScores?: Float32Array;
}

/** Reads and disposes the outputs. */
async function valuesOf(outputs: DetectorOutputs): Promise<OutputValues> {
  const entries = await Promise.all(
    Object.entries(outputs).map(async ([name, tensor]: [string, tf.Tensor]) => {
      const data = await tensor.data();
      tensor.dispose();
      return [name, data] as const;
    }),
  );
  return Object.fromEntries(entries) as unknown as OutputValues;
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
