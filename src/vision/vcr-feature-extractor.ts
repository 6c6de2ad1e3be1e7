// Computes VCR's region features from boxes of a film still, with the frozen ResNet of the authors' VCR checkpoints.
import { tf } from '#tf';
import { openTensorFile } from '../checkpoint/open.js';
import type { TensorFile } from '../checkpoint/tensor-file.js';
import { openSource } from '#platform';
import { CheckpointError, ShapeError } from '../errors.js';
import { MASK_SIZE } from './object-mask.js';
import { type Convolution, convolve, createConvolution, outputsOf } from './layers/convolution.js';
import { pixelTable, locateRegions } from './layers/region-maps.js';
import { type Bottleneck, runStage, stageWidth, stemPool } from './layers/resnet.js';
import { roiAlign } from './layers/roi-align.js';
import { readConvolution, readStage } from './vcr-resnet.js';
import { WeightReader } from './weight-reader.js';

/** Classes of objects: background and COCO's 80. */
export const OBJECT_KINDS = 81;
/** RoIAlign makes 7 x 7 cells of a map at a 16th of the picture's size. */
const ROI = { bins: 7, sampling: 0, isAligned: false } as const;
const SCALE = 1 / 16;
/** Regions at a time: bounds memory for pictures with hundreds of objects. */
const CHUNK = 32;
/** Weights of its training loss, and counters. */
const UNUSED = /^regularizing_predictor\.|\.num_batches_tracked$/;

/** One picture with the boxes, masks and classes of its regions. */
export interface VcrFeatureInputs {
  /** `[h, w, 3]`: normalised; h and w are multiples of 16. */
  picture: tf.Tensor3D;
  /** `[r, 4]`: x1, y1, x2, y2 in pixels of the picture. */
  boxes: Float32Array;
  /** `[r, 14, 14]`: 1 where the object is, over its box. */
  masks: Float32Array;
  /** `[r]`: 0 for the whole picture, else the index in COCO's list of classes, from 1. */
  kinds: Int32Array;
}

interface ExtractorWeights {
  stem: Convolution;
  /** Three stages, down to a 16th of the picture's size. */
  body: readonly (readonly Bottleneck[])[];
  /** Convolution of the mask, padded with zero filters to the channels of the regions. */
  mask: Convolution;
  /** The last stage, run on each region. */
  head: readonly Bottleneck[];
  /** `[81, e]` */
  kinds: tf.Tensor2D;
  /** `[d, c + e]` */
  projection: tf.Tensor2D;
  /** `[d]` */
  projectionBias: tf.Tensor1D;
}

/**
 * `relu(W [mean(stage4(roiAlign(stages(picture)) + mask)); kind] + b)`: 512 values for each box.
 * @example
 * const extractor = await VcrFeatureExtractor.load('visualbert-vcr/detector.safetensors');
 * console.log(extractor.dim); // 512
 * extractor.dispose();
 * @see uclanlp/visualbert `utils/detector.py`, SimpleDetector in evaluation; https://arxiv.org/abs/1811.10830
 */
export class VcrFeatureExtractor {
  private readonly weights: ExtractorWeights;

  private constructor(weights: ExtractorWeights) {
    this.weights = weights;
  }

  /** Loads `detector.safetensors`, which `visualbert convert` writes next to a VCR model. @throws CheckpointError when the file does not fit the network. */
  static async load(path: string): Promise<VcrFeatureExtractor> {
    const file = await openTensorFile(await openSource(path));
    try {
      return new VcrFeatureExtractor(await readWeights(file));
    } finally {
      await file.close();
    }
  }

  /** Width of the features. */
  get dim(): number {
    return this.weights.projection.shape[0];
  }

  /** Non-negative features `[r, dim]` float32. The caller owns them. @throws ShapeError when boxes, masks and kinds differ in number. */
  run({ picture, boxes, masks, kinds }: VcrFeatureInputs): tf.Tensor2D {
    const r = kinds.length;
    if (
      r === 0 ||
      boxes.length !== r * 4 ||
      masks.length !== r * MASK_SIZE ** 2 ||
      kinds.some((kind) => !isKind(kind))
    ) {
      throw new ShapeError(
        `VcrFeatureExtractor: expected boxes [r, 4], masks [r, 14, 14] and kinds [r] from 0 to 80 for r regions, ` +
          `received ${boxes.length}, ${masks.length} and ${r} values`,
      );
    }
    return tf.tidy(() => {
      const map = this.featureMap(picture);
      const parts = Array.from({ length: Math.ceil(r / CHUNK) }, (_, i) => {
        const [from, to] = [i * CHUNK, Math.min(r, (i + 1) * CHUNK)];
        const area = MASK_SIZE ** 2;
        return this.regions(
          map,
          boxes.subarray(from * 4, to * 4),
          masks.subarray(from * area, to * area),
          kinds.subarray(from, to),
        );
      });
      return tf.concat(parts, 0);
    });
  }

  dispose(): void {
    tf.dispose(this.weights as unknown as tf.TensorContainer);
  }

  /** `[h, w, 3]` to `[h / 16, w / 16, c]`. */
  private featureMap(picture: tf.Tensor3D): tf.Tensor3D {
    return tf.tidy(() => {
      const stem = convolve(tf.expandDims(picture, 0), this.weights.stem, { stride: 2, activation: 'relu' });
      return tf.squeeze(
        this.weights.body.reduce((map, stage) => runStage(map, stage), stemPool(stem, 'padded')),
        [0],
      );
    });
  }

  private regions(map: tf.Tensor3D, boxes: Float32Array, masks: Float32Array, kinds: Int32Array): tf.Tensor2D {
    return tf.tidy(() => {
      const { mask, head, projection, projectionBias } = this.weights;
      const r = kinds.length;
      const outlines = tf.sub(tf.tensor4d(masks, [r, MASK_SIZE, MASK_SIZE, 1]), 0.5) as tf.Tensor4D;
      const marks = convolve(outlines, mask, { stride: 2 }); // [r, 7, 7, c]
      const table = pixelTable([tf.expandDims(map, 0)]);
      const none = tf.zeros<tf.Rank.R1>([r], 'int32');
      const maps = { levels: none, images: none, scales: [SCALE] };
      const cut = roiAlign(table, locateRegions(tf.tensor2d(boxes, [r, 4]), table, maps), ROI); // [r, 7, 7, c]
      const regions = runStage(tf.add(cut, marks), head); // [r, 7, 7, c']
      const names = tf.gather(this.weights.kinds, tf.tensor1d(kinds, 'int32')); // [r, e]
      const joined = tf.concat([tf.mean(regions, [1, 2]), names] as tf.Tensor2D[], 1); // [r, c' + e]
      return tf.relu(tf.add(tf.matMul(joined, projection, false, true), projectionBias)) as tf.Tensor2D; // [r, d]
    });
  }
}

function isKind(kind: number): boolean {
  return kind >= 0 && kind < OBJECT_KINDS;
}

async function readWeights(file: TensorFile): Promise<ExtractorWeights> {
  const weights = new WeightReader(file);
  const stem = await readConvolution(weights, 'backbone.0', 'backbone.1', { inputs: 3, kernel: 7 });
  const body: Bottleneck[][] = [];
  let channels = outputsOf(stem);
  for (const [i, stride] of ([1, 2, 2] as const).entries()) {
    const stage = await readStage(weights, `backbone.${i + 4}`, { inputs: channels, stride });
    channels = stageWidth(stage);
    body.push(stage);
  }
  const mask = await readMask(weights, channels);
  const head = await readStage(weights, 'after_roi_align.0', { inputs: channels, stride: 1 });
  const kinds = await weights.read('object_embed.weight', [OBJECT_KINDS, null]);
  const joined = stageWidth(head) + (kinds.shape[1] as number);
  const projection = await weights.read('obj_downsample.1.weight', [null, joined]);
  const projectionBias = await weights.read('obj_downsample.1.bias', [projection.shape[0] as number]);
  weights.requireAllRead(UNUSED);
  return {
    ...{ stem, body, mask, head },
    kinds: kinds as tf.Tensor2D,
    projection: projection as tf.Tensor2D,
    projectionBias: projectionBias as tf.Tensor1D,
  };
}

async function readMask(weights: WeightReader, channels: number): Promise<Convolution> {
  const weight = await weights.read('mask_upsample.weight', [null, 1, 3, 3]);
  const bias = await weights.read('mask_upsample.bias', [weight.shape[0] as number]);
  const rest = channels - (weight.shape[0] as number);
  if (rest < 0) throw new CheckpointError(`${weights.file.name}: masks have more channels than regions, ${channels}`);
  // The remaining channels have filters of zeros.
  const whole: tf.Tensor4D = tf.pad(weight as tf.Tensor4D, [[0, rest], [0, 0], [0, 0], [0, 0]]); // prettier-ignore
  const mask = createConvolution(whole, tf.pad(bias as tf.Tensor1D, [[0, rest]]));
  tf.dispose([weight, bias, whole]);
  return mask;
}
