// The settings of a region detector: one family, R-CNN over a ResNet, whose members differ in data alone.
import type { BoxConvention } from '../boxes/convention.js';

/** ResNet, or ResNeXt where there are groups. */
export interface BackboneConfig {
  /** Layers of the whole ResNet; 14 has one block in each stage. */
  depth: 14 | 50 | 101 | 152;
  /** Groups of the 3 x 3 convolutions. */
  groups: number;
  /** Channels of a group in the first stage; they double from stage to stage. */
  widthPerGroup: number;
  /** Output channels of the first convolution. */
  stemWidth: number;
  /** Output channels of the first stage; they double from stage to stage. */
  stageWidth: number;
  /** Whether the first 1 x 1 convolution of a stage takes every second pixel (Caffe), else the 3 x 3 (torchvision, ResNeXt). */
  strideIn1x1: boolean;
  /** Edges of the pooling after the first convolution: `padded` (PyTorch) or `cut` (Caffe). */
  stemPool: 'padded' | 'cut';
}

/** Preparation of a picture for the network. */
export interface InputConfig {
  /** Subtracted from blue, green and red (0 to 255), in this order. */
  mean: readonly [number, number, number];
  /** Divided by. */
  deviation: readonly [number, number, number];
  /** The shorter side, and the most of the longer one, in pixels. */
  size: number;
  maxSize: number;
  /** Whose resizing the network was trained with, down to the rounding of sizes. */
  resize: 'torch' | 'pillow' | 'opencv';
  /** Zeros are added on the right and below up to a multiple of this. */
  multipleOf: number;
}

export interface AnchorConfig {
  /** Square roots of areas. With a pyramid one for each map, else all on the one map. */
  sizes: readonly number[];
  /** Heights over widths. */
  ratios: readonly number[];
}

/** The network that proposes regions. */
export interface ProposalConfig {
  /** Channels between its convolutions. */
  hidden: number;
  /** Best boxes of each map before suppression, and of all maps after it. */
  before: number;
  after: number;
  /** Overlap above which the better of two boxes suppresses the other. */
  threshold: number;
  /** Boxes need sides of at least this many pixels (inclusive), or of more (continuous). */
  minSize: number;
}

/** Pooling of a region from the maps. */
export interface PoolingConfig {
  kind: 'roi-pool' | 'roi-align';
  /** Cells along each side. */
  bins: number;
  /** Of RoIAlign: samples along each side of a cell, 0 for about one a pixel. */
  sampling: number;
  /** Of RoIAlign: whether a pixel's value belongs to its middle. */
  isAligned: boolean;
}

/** The head of each region: the last stage of the ResNet, at full resolution (dilated) or half; or two layers. */
export type HeadConfig = { kind: 'res5'; isDilated: boolean } | { kind: 'layers'; width: number };

/** Which regions are returned. */
export type ChoiceConfig =
  | {
      /** Each region has its best class and that class's box; suppressed whatever the class, with the first threshold that leaves enough. */
      rule: 'best-class';
      thresholds: readonly number[];
      /** Regions above this score, but not fewer than `minBoxes` (if there are) and not more than `maxBoxes`. */
      minScore: number;
      minBoxes: number;
      maxBoxes: number;
    }
  | {
      /** A region's score is the best of those classes in which nothing suppresses it. */
      rule: 'every-class';
      /** What overlaps: the proposals, or the boxes of the class. */
      boxes: 'proposals' | 'moved';
      threshold: number;
      /** As above. */
      minScore: number;
      minBoxes: number;
      maxBoxes: number;
      /** Take the scores of the next class, as a notebook that counts from 1 does where the detector counts from 0. */
      scoresOf: 'class' | 'next-class';
    };

/** Plain data: what `config.json` of a converted detector holds. */
export interface DetectorConfig {
  backbone: BackboneConfig;
  /** Channels of the feature pyramid; 0: none, regions come from the fourth stage (C4). */
  pyramid: number;
  input: InputConfig;
  boxes: BoxConvention;
  /** Boxes end at the border of the picture, or of what it is padded to. */
  clipTo: 'picture' | 'padded';
  anchors: AnchorConfig;
  proposals: ProposalConfig;
  pooling: PoolingConfig;
  head: HeadConfig;
  /** Kinds of objects, background not counted. */
  classes: number;
  /** Whether a region has one box for all classes (detectron2's CLS_AGNOSTIC_BBOX_REG), not one for each. Default false. */
  isClassAgnostic?: boolean | undefined;
  /** Kinds of attributes; 0: none. */
  attributes: number;
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
