// A detector's tensors in the form of the computation: filters in TensorFlow's layout, blocks, layers.
import { tf } from '#tf';
import { type Convolution, createConvolution } from '../layers/convolution.js';
import type { Bottleneck } from '../layers/resnet.js';
import { type DetectorConfig, STAGE_BLOCKS } from './config.js';
import { type LayerSpec, STAGES } from './specification.js';

/** `y = x W^T + b` */
export interface Linear {
  /** `[out, in]` */
  weight: tf.Tensor2D;
  /** `[out]` */
  bias: tf.Tensor1D;
}

/** All weights of a detector. */
export interface DetectorNetwork {
  stem: Convolution;
  /** Stages of the backbone: three for C4, four with a pyramid. */
  stages: readonly (readonly Bottleneck[])[];
  /** From the finest map to the coarsest; empty for C4. */
  lateral: readonly Convolution[];
  output: readonly Convolution[];
  proposals: { conv: Convolution; objectness: Convolution; deltas: Convolution };
  head: { kind: 'res5'; stage: readonly Bottleneck[] } | { kind: 'layers'; fc6: Linear; fc7: Linear };
  classes: Linear;
  boxes: Linear;
  attributes: { embedding: tf.Tensor2D; hidden: Linear; scores: Linear } | null;
}

/** A layer's tensors in the form of the computation. */
export type NetworkPart = Convolution | Linear | tf.Tensor2D;

/** Builds a layer from tensors in PyTorch's layouts, which it takes over or disposes, so that memory never holds a network twice. */
export function createPart(
  { name, kind }: LayerSpec,
  weight: tf.Tensor,
  bias: tf.Tensor | null,
  config: DetectorConfig,
): NetworkPart {
  if (kind === 'table' || bias === null) return weight as tf.Tensor2D;
  if (kind === 'linear') {
    const linear = { weight: weight as tf.Tensor2D, bias: bias as tf.Tensor1D };
    return name === 'head.fc6' ? overPixels(linear, config) : linear;
  }
  const groups = name.endsWith('.conv2') ? config.backbone.groups : 1;
  const created = createConvolution(weight as tf.Tensor4D, bias as tf.Tensor1D, groups);
  weight.dispose();
  return created;
}

/** Assembles a network. @param parts of all layers, by name; the network owns them. */
export function createNetwork(config: DetectorConfig, parts: ReadonlyMap<string, NetworkPart>): DetectorNetwork {
  const { backbone, pyramid, head, attributes } = config;
  const convolution = (name: string): Convolution => parts.get(name) as Convolution;
  const linear = (name: string): Linear => parts.get(name) as Linear;
  const stage = (prefix: string, i: number, isDilated = false): Bottleneck[] =>
    Array.from({ length: STAGE_BLOCKS[backbone.depth][i] as number }, (_, block) => ({
      convolutions: [
        convolution(`${prefix}.${block}.conv1`),
        convolution(`${prefix}.${block}.conv2`),
        convolution(`${prefix}.${block}.conv3`),
      ],
      shortcut: hasShortcut(config, i, block) ? convolution(`${prefix}.${block}.shortcut`) : null,
      stride: block === 0 && i > 0 && !isDilated ? 2 : 1,
      isStrideFirst: backbone.strideIn1x1,
      dilation: isDilated ? 2 : 1,
    }));
  const levels = pyramid > 0 ? [2, 3, 4, 5] : [];
  const stages = head.kind === 'res5' ? [0, 1, 2] : [0, 1, 2, 3];
  return {
    stem: convolution('backbone.stem.conv1'),
    stages: stages.map((i) => stage(`backbone.${STAGES[i] as string}`, i)),
    lateral: levels.map((level) => convolution(`pyramid.lateral${level}`)),
    output: levels.map((level) => convolution(`pyramid.output${level}`)),
    proposals: {
      conv: convolution('proposals.conv'),
      objectness: convolution('proposals.objectness'),
      deltas: convolution('proposals.deltas'),
    },
    head:
      head.kind === 'res5'
        ? { kind: 'res5', stage: stage('head.res5', 3, head.isDilated) }
        : { kind: 'layers', fc6: linear('head.fc6'), fc7: linear('head.fc7') },
    classes: linear('predictor.classes'),
    boxes: linear('predictor.boxes'),
    attributes:
      attributes === 0
        ? null
        : {
            embedding: parts.get('predictor.class_embedding') as tf.Tensor2D,
            hidden: linear('predictor.attribute_hidden'),
            scores: linear('predictor.attributes'),
          },
  };
}

/** Whether a block changes the number of channels. */
function hasShortcut({ backbone }: DetectorConfig, i: number, block: number): boolean {
  return block === 0 && (i > 0 || backbone.stemWidth !== backbone.stageWidth);
}

/** Reorders the first layer's inputs from PyTorch's channels, rows, columns to rows, columns, channels. */
function overPixels({ weight, bias }: Linear, { pyramid, pooling: { bins } }: DetectorConfig): Linear {
  const [outputs, inputs] = weight.shape;
  const moved = tf.tidy(() =>
    tf.reshape<tf.Rank.R2>(tf.transpose(tf.reshape(weight, [outputs, pyramid, bins, bins]), [0, 2, 3, 1]), [
      outputs,
      inputs,
    ]),
  );
  weight.dispose();
  return { weight: moved, bias };
}
