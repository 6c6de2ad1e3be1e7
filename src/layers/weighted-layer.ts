// The base class of our layers: weights named as in PyTorch, their initial values, and the dropout key.
import { tf } from '#tf';
import { philoxKey } from '../random/philox-uniform.js';
import { seededInitializer, type WeightInit, type WeightInitializer } from './initializers.js';
import type { LinearWeights } from './linear.js';
import type { NormWeights } from './layer-norm.js';
import type { CallContext } from './dropout.js';
import { requireKinds } from '../options.js';

/** Arguments of every layer. */
export interface WeightedLayerArgs {
  /** The module path in PyTorch, such as `visual_bert.pooler`: parameters are named after it. */
  name?: string;
  trainable?: boolean;
  /** Standard deviation of the normal that fills fresh weights. */
  initializerRange: number;
  /** Seed of fresh weights, and of dropout in a plain tfjs model. */
  seed?: number;
  /** Makes the initial values instead of the seed. Not part of the layer's saved configuration. */
  initializer?: WeightInitializer;
}

/** Keyword arguments that plain tfjs passes to `call`. */
export type CallKwargs = { training?: unknown; [key: string]: unknown };

/** A tf.layers.Layer that owns named weights in PyTorch's shapes. `build` creates them; arithmetic is in pure functions. */
export abstract class WeightedLayer extends tf.layers.Layer {
  /** Weights by the rest of their PyTorch name, such as `dense.weight`. */
  readonly weightsByName = new Map<string, tf.Variable>();
  protected readonly initializerRange: number;
  private readonly seed: number;
  private readonly initializer: WeightInitializer;
  private draws = 0;

  constructor(args: WeightedLayerArgs) {
    requireKinds(new.target.name, { 'an object': { args } });
    const { initializerRange, seed = 0, initializer, ...rest } = args;
    super(rest);
    this.initializerRange = initializerRange;
    this.seed = seed;
    this.initializer = initializer ?? seededInitializer(seed);
  }

  /** Adds the weight `name`: its full name is the layer's name, a dot, and this. */
  protected weight(name: string, shape: number[], init: WeightInit): tf.Variable {
    const initializer = Object.assign(tf.initializers.zeros(), {
      apply: () => this.initializer(`${this.name}.${name}`, shape, init),
    });
    const variable = this.addWeight(name, shape, 'float32', initializer).read() as tf.Variable;
    this.weightsByName.set(name, variable);
    return variable;
  }

  /** Adds `name.weight [outputSize, inputSize]` and `name.bias [outputSize]`. */
  protected linearWeights(name: string, outputSize: number, inputSize: number): LinearWeights {
    return {
      weight: this.weight(`${name}.weight`, [outputSize, inputSize], this.normal()),
      bias: this.weight(`${name}.bias`, [outputSize], { kind: 'zeros' }),
    };
  }

  /** Adds `name.weight [size]` of ones and `name.bias [size]` of zeros. */
  protected normWeights(name: string, size: number): NormWeights {
    return {
      weight: this.weight(`${name}.weight`, [size], { kind: 'ones' }),
      bias: this.weight(`${name}.bias`, [size], { kind: 'zeros' }),
    };
  }

  protected normal(): WeightInit {
    return { kind: 'normal', stddev: this.initializerRange };
  }

  /** The context of a call inside a plain tfjs model: dropout in training only, with new random numbers at each call. */
  protected contextOf(kwargs: CallKwargs | undefined): CallContext {
    const training = kwargs?.training === true;
    return { training, dropoutKey: training ? philoxKey(this.seed, this.draws++) : null };
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), initializerRange: this.initializerRange, seed: this.seed };
  }
}

/** The shape of the first input: tfjs passes one shape or a list of them. */
export function firstShape(shape: tf.Shape | tf.Shape[]): tf.Shape {
  return Array.isArray(shape[0]) ? shape[0] : (shape as tf.Shape);
}
