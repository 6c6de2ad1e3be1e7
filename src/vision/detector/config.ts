// The settings of a region detector: one family, R-CNN with a ResNet, whose members differ only in their settings.
import type { BoxConvention } from '../boxes/convention.js';

/** ResNet, or ResNeXt with more than one group. */
export interface BackboneConfig {
  /** Layers of the ResNet; 14 has one block in each stage. */
  depth: 14 | 50 | 101 | 152;
  /** Groups of the 3 x 3 convolutions. */
  groups: number;
  /** Channels of a group in the first stage, doubled in each later stage. */
  widthPerGroup: number;
  /** Output channels of the first convolution. */
  stemWidth: number;
  /** Output channels of the first stage, doubled in each later stage. */
  stageWidth: number;
  /** Whether the first 1 x 1 convolution of a stage has the stride (Caffe), else the 3 x 3 (torchvision, ResNeXt). */
  strideIn1x1: boolean;
  /** Edges of the pooling after the first convolution: `padded` (PyTorch) or `cut` (Caffe). */
  stemPool: 'padded' | 'cut';
}

/** Preparation of a picture for the network. */
export interface InputConfig {
  /** Mean of blue, green and red (0 to 255), in this order. */
  mean: readonly [number, number, number];
  /** Standard deviation of blue, green and red. */
  deviation: readonly [number, number, number];
  /** Pixels of the shorter side, and at most of the longer one. */
  size: number;
  maxSize: number;
  /** The library whose resizing the network was trained with, including the rounding of sizes. */
  resize: 'torch' | 'pillow' | 'opencv';
  /** Pictures are padded with zeros on the right and at the bottom to a multiple of this. */
  multipleOf: number;
}

/** Anchors of the region proposal network. */
export interface AnchorConfig {
  /** Square roots of areas. With a pyramid one for each map, else all for the one map. */
  sizes: readonly number[];
  /** Heights over widths. */
  ratios: readonly number[];
}

/** The region proposal network. */
export interface ProposalConfig {
  /** Channels of its hidden convolution. */
  hidden: number;
  /** Boxes kept for each map before suppression, and for all maps after it. */
  before: number;
  after: number;
  /** Intersection over union above which the better of two boxes suppresses the other. */
  threshold: number;
  /** Least pixels of a box's sides (inclusive), or the limit that they must exceed (continuous). */
  minSize: number;
}

/** Pooling of a region from the maps. */
export interface PoolingConfig {
  kind: 'roi-pool' | 'roi-align';
  /** Cells along each side. */
  bins: number;
  /** RoIAlign: samples along each side of a cell, 0 for about one per pixel. */
  sampling: number;
  /** RoIAlign: whether a pixel's value belongs to its middle. */
  isAligned: boolean;
}

/** The head of each region: the last stage of the ResNet, at full resolution (dilated) or half; or two layers. */
export type HeadConfig = { kind: 'res5'; isDilated: boolean } | { kind: 'layers'; width: number };

/** Which regions are returned. */
export type ChoiceConfig =
  | {
      /** Each region has its best class and that class's box; suppressed across classes, with the first threshold that leaves enough. */
      rule: 'best-class';
      thresholds: readonly number[];
      /** Regions above this score, but at least `minBoxes` (if there are as many) and at most `maxBoxes`. */
      minScore: number;
      minBoxes: number;
      maxBoxes: number;
    }
  | {
      /** A region's score is the best of the classes in which it is not suppressed. */
      rule: 'every-class';
      /** The boxes compared: the proposals, or the boxes of the class. */
      boxes: 'proposals' | 'moved';
      threshold: number;
      /** As above. */
      minScore: number;
      minBoxes: number;
      maxBoxes: number;
      /** `next-class` reproduces a notebook that counts classes from 1 while the detector counts from 0. */
      scoresOf: 'class' | 'next-class';
    };

/** Settings of a detector, as in `config.json` of a converted one. */
export interface DetectorConfig {
  backbone: BackboneConfig;
  /** Channels of the feature pyramid; 0 for none, with regions from the fourth stage (C4). */
  pyramid: number;
  input: InputConfig;
  boxes: BoxConvention;
  /** Boxes are clipped to the picture, or to the padded picture. */
  clipTo: 'picture' | 'padded';
  anchors: AnchorConfig;
  proposals: ProposalConfig;
  pooling: PoolingConfig;
  head: HeadConfig;
  /** Number of classes, without background. */
  classes: number;
  /** Their names, in the order of their indices. */
  classNames?: readonly string[] | undefined;
  /** Whether all classes share one box per region (detectron2's CLS_AGNOSTIC_BBOX_REG). Default false. */
  isClassAgnostic?: boolean | undefined;
  /** Number of attributes; 0 for none. */
  attributes: number;
  /** Their names. */
  attributeNames?: readonly string[] | undefined;
  /** The features of each region: the mean over the last stage, or a layer of the head, before or after its ReLU. */
  feature: 'mean' | 'fc6' | 'fc7' | 'fc7-linear';
  choice: ChoiceConfig;
}

/** Blocks of the four stages. */
export const STAGE_BLOCKS: Readonly<Record<BackboneConfig['depth'], readonly [number, number, number, number]>> = {
  14: [1, 1, 1, 1],
  50: [3, 4, 6, 3],
  101: [3, 4, 23, 3],
  152: [3, 8, 36, 3],
};

/** Width of a detector's features. */
export function featureDim({ head, backbone }: DetectorConfig): number {
  return head.kind === 'res5' ? backbone.stageWidth * 8 : head.width;
}
