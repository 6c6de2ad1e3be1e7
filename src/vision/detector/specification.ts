// Every layer of a detector by name, with the shape of its weight: for checking files and drawing fresh weights.
import { type DetectorConfig, featureDim, STAGE_BLOCKS } from './config.js';

/** A convolution `[out, in / groups, k, k]`, a linear layer `[out, in]`, or a table `[rows, width]`. */
export interface LayerSpec {
  name: string;
  kind: 'convolution' | 'linear' | 'table';
  shape: readonly number[];
  /** Whether a batch norm follows, which published files store separately. */
  isNormalised: boolean;
  /** Standard deviation of fresh weights; biases start at 0. */
  stddev: number;
}

/** Widths of the attribute classifier's class embedding and hidden layer, as divisors of the feature width. */
const EMBEDDING_SHARE = 8;
const HIDDEN_SHARE = 4;

/** The names of the four stages. */
export const STAGES = ['res2', 'res3', 'res4', 'res5'] as const;

/** All layers in the order of the computation. Class columns have the background last. */
export function detectorLayers(config: DetectorConfig): LayerSpec[] {
  const { pyramid, classes, attributes, isClassAgnostic = false } = config;
  const dim = featureDim(config);
  return [
    ...backboneLayers(config),
    ...(pyramid > 0 ? pyramidLayers(config) : []),
    ...proposalLayers(config),
    ...headLayers(config),
    linear('predictor.classes', [classes + 1, dim], 0.01),
    linear('predictor.boxes', [(isClassAgnostic ? 1 : classes) * 4, dim], 0.001),
    ...(attributes > 0 ? attributeLayers(dim, classes, attributes) : []),
  ];
}

/** Name and shape of every tensor: a layer has a `weight` and, unless it is a table, a `bias`. */
export function detectorTensors(config: DetectorConfig): Map<string, readonly number[]> {
  const tensors = new Map<string, readonly number[]>();
  for (const { name, kind, shape } of detectorLayers(config)) {
    tensors.set(`${name}.weight`, shape);
    if (kind !== 'table') tensors.set(`${name}.bias`, [shape[0] as number]);
  }
  return tensors;
}

/** Output channels of stage `i`, from 0. */
export function stageChannels({ backbone }: DetectorConfig, i: number): number {
  return backbone.stageWidth * 2 ** i;
}

/** Layers of the backbone: stages up to res4 without a pyramid, else all. */
function backboneLayers(config: DetectorConfig): LayerSpec[] {
  const { stemWidth } = config.backbone;
  const stages = config.head.kind === 'res5' ? [0, 1, 2] : [0, 1, 2, 3];
  return [
    convolution('backbone.stem.conv1', [stemWidth, 3, 7, 7], { isNormalised: true }),
    ...stages.flatMap((i) => stageLayers(config, `backbone.${STAGES[i] as string}`, i)),
  ];
}

function stageLayers(config: DetectorConfig, prefix: string, i: number): LayerSpec[] {
  const { depth, groups, widthPerGroup, stemWidth } = config.backbone;
  const blocks = STAGE_BLOCKS[depth];
  const outputs = stageChannels(config, i);
  const narrow = groups * widthPerGroup * 2 ** i;
  // Without batch norms every residual block would double the variance: fresh weights of its last convolution are scaled down.
  const gain = 1 / Math.sqrt(blocks.reduce((sum, count) => sum + count, 0));
  return Array.from({ length: blocks[i] as number }, (_, block) => {
    const inputs = block > 0 ? outputs : i === 0 ? stemWidth : stageChannels(config, i - 1);
    const name = `${prefix}.${block}`;
    return [
      ...(inputs === outputs ? [] : [convolution(`${name}.shortcut`, [outputs, inputs, 1, 1], { isNormalised: true })]),
      convolution(`${name}.conv1`, [narrow, inputs, 1, 1], { isNormalised: true }),
      convolution(`${name}.conv2`, [narrow, narrow / groups, 3, 3], { isNormalised: true }),
      convolution(`${name}.conv3`, [outputs, narrow, 1, 1], { isNormalised: true, gain }),
    ];
  }).flat();
}

function pyramidLayers(config: DetectorConfig): LayerSpec[] {
  return [0, 1, 2, 3].flatMap((i) => [
    convolution(`pyramid.lateral${i + 2}`, [config.pyramid, stageChannels(config, i), 1, 1]),
    convolution(`pyramid.output${i + 2}`, [config.pyramid, config.pyramid, 3, 3]),
  ]);
}

function proposalLayers(config: DetectorConfig): LayerSpec[] {
  const { pyramid, anchors, proposals } = config;
  const inputs = pyramid > 0 ? pyramid : stageChannels(config, 2);
  const each = anchors.ratios.length * (pyramid > 0 ? 1 : anchors.sizes.length);
  return [
    convolution('proposals.conv', [proposals.hidden, inputs, 3, 3], { stddev: 0.01 }),
    convolution('proposals.objectness', [each, proposals.hidden, 1, 1], { stddev: 0.01 }),
    convolution('proposals.deltas', [each * 4, proposals.hidden, 1, 1], { stddev: 0.01 }),
  ];
}

function headLayers(config: DetectorConfig): LayerSpec[] {
  const { head, pyramid, pooling } = config;
  if (head.kind === 'res5') return stageLayers(config, 'head.res5', 3);
  const inputs = pyramid * pooling.bins ** 2;
  return [
    linear('head.fc6', [head.width, inputs], Math.sqrt(2 / inputs)),
    linear('head.fc7', [head.width, head.width], Math.sqrt(2 / head.width)),
  ];
}

function attributeLayers(dim: number, classes: number, attributes: number): LayerSpec[] {
  const [embedding, hidden] = [Math.floor(dim / EMBEDDING_SHARE), Math.floor(dim / HIDDEN_SHARE)];
  return [
    {
      name: 'predictor.class_embedding',
      kind: 'table',
      shape: [classes + 1, embedding],
      isNormalised: false,
      stddev: 1,
    },
    linear('predictor.attribute_hidden', [hidden, dim + embedding], Math.sqrt(2 / dim)),
    linear('predictor.attributes', [attributes + 1, hidden], 0.01),
  ];
}

function convolution(
  name: string,
  shape: [number, number, number, number],
  { isNormalised = false, gain = 1, stddev }: { isNormalised?: boolean; gain?: number; stddev?: number } = {},
): LayerSpec {
  const [, inputs, k] = shape;
  const drawn = stddev ?? gain * Math.sqrt(2 / (inputs * k * k)); // He et al.: keeps the variance through a ReLU
  return { name, kind: 'convolution', shape, isNormalised, stddev: drawn };
}

function linear(name: string, shape: [number, number], stddev: number): LayerSpec {
  return { name, kind: 'linear', shape, isNormalised: false, stddev };
}
