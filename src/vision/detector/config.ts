// The settings of a region detector: one family, R-CNN over a ResNet, whose members differ in data alone. Checked once, then frozen.
import { ConfigError } from '../../errors.js';
import type { BoxConvention } from '../boxes/convention.js';

/** ResNet, or ResNeXt where there are groups. */
export interface BackboneConfig {
  depth: 50 | 101 | 152;
  /** Groups of the 3 x 3 convolutions. */
  groups: number;
  /** Channels of a group in the first stage; they double from stage to stage. */
  widthPerGroup: number;
  /** Channels behind the first convolution. */
  stemWidth: number;
  /** Channels behind the first stage; they double from stage to stage. */
  stageWidth: number;
  /** Whether the first 1 x 1 convolution of a stage takes every second pixel (Caffe), else the 3 x 3 (torchvision, ResNeXt). */
  strideIn1x1: boolean;
  /** Edges of the pooling behind the first convolution: `padded` (PyTorch) or `cut` (Caffe). */
  stemPool: 'padded' | 'cut';
}

/** From a picture to what the network gets. */
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

/** How a region is cut out of the maps. */
export interface PoolingConfig {
  kind: 'roi-pool' | 'roi-align';
  /** Cells along each side. */
  bins: number;
  /** Of RoIAlign: samples along each side of a cell, 0 for about one a pixel. */
  sampling: number;
  /** Of RoIAlign: whether a pixel's value belongs to its middle. */
  isAligned: boolean;
}

/** What each region goes through: the last stage of the ResNet, at full resolution (dilated) or half; or two layers. */
export type HeadConfig = { kind: 'res5'; isDilated: boolean } | { kind: 'layers'; width: number };

/** Which regions are handed out. */
export type ChoiceConfig =
  | {
      /** Each region has its best class and that class's box; suppressed whatever the class, with the first threshold that leaves enough. */
      rule: 'best-class';
      thresholds: readonly number[];
      minBoxes: number;
      maxBoxes: number;
    }
  | {
      /** A region's score is the best of those classes in which nothing suppresses it. */
      rule: 'every-class';
      /** What overlaps: the proposals, or the boxes of the class. */
      boxes: 'proposals' | 'moved';
      threshold: number;
      /** Regions above this score, but not fewer than `minBoxes` (if there are) and not more than `maxBoxes`. */
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
  /** Kinds of attributes; 0: none. */
  attributes: number;
  /** What is handed out for each region: the mean over the last stage, or a layer of the head, before or after its ReLU. */
  feature: 'mean' | 'fc6' | 'fc7' | 'fc7-linear';
  choice: ChoiceConfig;
}

/** Blocks of the four stages. */
export const STAGE_BLOCKS: Readonly<Record<BackboneConfig['depth'], readonly [number, number, number, number]>> = {
  50: [3, 4, 6, 3],
  101: [3, 4, 23, 3],
  152: [3, 8, 36, 3],
};

/** Width of a detector's features. */
export function featureDim({ head, backbone }: DetectorConfig): number {
  return head.kind === 'res5' ? backbone.stageWidth * 8 : head.width;
}

/**
 * A checked, frozen copy.
 * @throws ConfigError naming the field that no detector can have, or that the family does not know.
 */
export function checkedDetectorConfig(config: unknown): DetectorConfig {
  const copy: unknown = JSON.parse(JSON.stringify(config ?? null));
  for (const [field, rule] of Object.entries(RULES)) requireField(copy, field, rule);
  requireKnown(copy as Record<string, unknown>);
  requireTogether(copy as DetectorConfig);
  return deepFreeze(copy as DetectorConfig);
}

interface Rule {
  fits: (value: unknown) => boolean;
  expected: string;
}

const isCount = (value: unknown): boolean => Number.isInteger(value) && (value as number) >= 0;
const count: Rule = { fits: isCount, expected: 'a whole number of at least 0' };
const positive: Rule = { fits: (value) => isCount(value) && value !== 0, expected: 'a whole number above 0' };
const share: Rule = {
  fits: (value) => typeof value === 'number' && value >= 0 && value <= 1,
  expected: 'a number from 0 to 1',
};
const flag: Rule = { fits: (value) => typeof value === 'boolean', expected: 'true or false' };
const oneOf = (...values: unknown[]): Rule => ({
  fits: (value) => values.includes(value),
  expected: values.join(' or '),
});
const listOf = (length: number | null, isElement: (value: unknown) => boolean, what: string): Rule => ({
  fits: (value) =>
    Array.isArray(value) && value.length > 0 && (length === null || value.length === length) && value.every(isElement),
  expected: what,
});
const isPositive = (value: unknown): boolean => typeof value === 'number' && value > 0 && Number.isFinite(value);
const isFinite = (value: unknown): boolean => typeof value === 'number' && Number.isFinite(value);

const RULES: Readonly<Record<string, Rule>> = {
  'backbone.depth': oneOf(50, 101, 152),
  'backbone.groups': positive,
  'backbone.widthPerGroup': positive,
  'backbone.stemWidth': positive,
  'backbone.stageWidth': positive,
  'backbone.strideIn1x1': flag,
  'backbone.stemPool': oneOf('padded', 'cut'),
  pyramid: count,
  'input.mean': listOf(3, isFinite, 'three numbers'),
  'input.deviation': listOf(3, isPositive, 'three numbers above 0'),
  'input.size': positive,
  'input.maxSize': positive,
  'input.resize': oneOf('torch', 'pillow', 'opencv'),
  'input.multipleOf': positive,
  boxes: oneOf('inclusive', 'continuous'),
  clipTo: oneOf('picture', 'padded'),
  'anchors.sizes': listOf(null, isPositive, 'numbers above 0'),
  'anchors.ratios': listOf(null, isPositive, 'numbers above 0'),
  'proposals.hidden': positive,
  'proposals.before': positive,
  'proposals.after': positive,
  'proposals.threshold': share,
  'proposals.minSize': count,
  'pooling.kind': oneOf('roi-pool', 'roi-align'),
  'pooling.bins': positive,
  'pooling.sampling': count,
  'pooling.isAligned': flag,
  'head.kind': oneOf('res5', 'layers'),
  classes: positive,
  attributes: count,
  feature: oneOf('mean', 'fc6', 'fc7', 'fc7-linear'),
  'choice.rule': oneOf('best-class', 'every-class'),
  'choice.minBoxes': count,
  'choice.maxBoxes': positive,
};

const HEAD_RULES: Record<HeadConfig['kind'], Record<string, Rule>> = {
  res5: { 'head.isDilated': flag },
  layers: { 'head.width': positive },
};
const CHOICE_RULES: Record<ChoiceConfig['rule'], Record<string, Rule>> = {
  'best-class': { 'choice.thresholds': listOf(null, share.fits, 'numbers from 0 to 1') },
  'every-class': {
    'choice.boxes': oneOf('proposals', 'moved'),
    'choice.threshold': share,
    'choice.minScore': share,
    'choice.scoresOf': oneOf('class', 'next-class'),
  },
};

function fieldOf(config: unknown, field: string): unknown {
  return field
    .split('.')
    .reduce<unknown>((value, key) => (value as Record<string, unknown> | null | undefined)?.[key], config);
}

function requireField(config: unknown, field: string, { fits, expected }: Rule): void {
  const value = fieldOf(config, field);
  if (!fits(value)) {
    throw new ConfigError(
      `DetectorConfig: expected ${field} to be ${expected}, received ${JSON.stringify(value) ?? 'nothing'}`,
    );
  }
}

/** The rules of the chosen head and choice, and no field that no rule knows. */
function requireKnown(config: Record<string, unknown>): void {
  const { head, choice } = config as unknown as DetectorConfig;
  const own = { ...HEAD_RULES[head.kind], ...CHOICE_RULES[choice.rule] };
  for (const [field, rule] of Object.entries(own)) requireField(config, field, rule);
  const known = new Set([...Object.keys(RULES), ...Object.keys(own)]);
  for (const [section, value] of Object.entries(config)) {
    const isSection = typeof value === 'object' && value !== null && !Array.isArray(value);
    const fields = isSection ? Object.keys(value).map((key) => `${section}.${key}`) : [section];
    const unknown = fields.find((field) => !known.has(field));
    if (unknown !== undefined) throw new ConfigError(`DetectorConfig: unknown field ${unknown}`);
  }
}

function requireTogether({ pyramid, head, anchors, pooling, feature, input, choice }: DetectorConfig): void {
  const require = (holds: boolean, message: string): void => {
    if (!holds) throw new ConfigError(`DetectorConfig: ${message}`);
  };
  const isPyramid = pyramid > 0;
  require((head.kind === 'layers') === isPyramid, 'expected head.kind layers with a pyramid and res5 without one');
  require((feature === 'mean') === (head.kind === 'res5'), 'expected feature mean with head.kind res5, a layer else');
  require(!isPyramid ||
    anchors.sizes.length === 5, `expected 5 anchors.sizes with a pyramid, received ${anchors.sizes.length}`);
  require(!isPyramid || pooling.kind === 'roi-align', 'expected pooling.kind roi-align with a pyramid');
  require(!isPyramid || input.multipleOf % 32 === 0, 'expected input.multipleOf to be a multiple of 32 with a pyramid');
  require(choice.minBoxes <=
    choice.maxBoxes, `expected choice.minBoxes of at most maxBoxes, received ${choice.minBoxes}`);
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    Object.values(value).forEach(deepFreeze);
    Object.freeze(value);
  }
  return value;
}
