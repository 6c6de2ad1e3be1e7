// The activations that transformers names for BERT models (its ACT2FN), as functions of tensors.
import { tf } from '#tf';
import { ConfigError } from '../errors.js';
import { fused } from '../fused.js';
import { withGradient } from './with-gradient.js';

/** An activation: the name that a config.json holds, or any function of tensors that tfjs can differentiate. */
export type Activation = string | ((x: tf.Tensor) => tf.Tensor);

type TensorFunction = (x: tf.Tensor) => tf.Tensor;

/** The distribution function of the standard normal: `(1 + erf(x / sqrt 2)) / 2`. */
function normalCdf(x: tf.Tensor): tf.Tensor {
  return tf.mul(tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1), 0.5);
}

/** `x Phi(x)` with the exact (erf) distribution function; keeps only `x`. */
function gelu(x: tf.Tensor): tf.Tensor {
  return withGradient(
    [x],
    () => ({ value: fused('FusedGelu', { x })?.[0] ?? tf.mul(x, normalCdf(x)), saved: [x] }),
    (dy, [saved]) => {
      const input = saved as tf.Tensor;
      const dx = fused('FusedGeluGrad', { dy, x: input });
      if (dx !== null) return dx;
      const density = tf.mul(tf.exp(tf.mul(tf.square(input), -0.5)), 1 / Math.sqrt(2 * Math.PI));
      return [tf.mul(dy, tf.add(normalCdf(input), tf.mul(input, density)))];
    },
  );
}

/** GELU by the tanh formula, `x (1 + tanh(a (x + 0.044715 x^3))) / 2`, `a = sqrt(2 / pi)` or its rounded value in gelu_fast. */
function geluTanh(x: tf.Tensor, a = Math.sqrt(2 / Math.PI)): tf.Tensor {
  const inner = tf.mul(tf.mul(x, a), tf.add(tf.mul(tf.square(x), 0.044715), 1));
  return tf.mul(tf.mul(x, 0.5), tf.add(tf.tanh(inner), 1));
}

const silu: TensorFunction = (x) => tf.mul(x, tf.sigmoid(x));

const ACTIVATIONS: Readonly<Record<string, TensorFunction>> = {
  elu: (x) => tf.elu(x),
  gelu,
  gelu_10: (x) => tf.clipByValue(gelu(x), -10, 10),
  gelu_accurate: (x) => geluTanh(x),
  gelu_fast: (x) => geluTanh(x, 0.7978845608),
  gelu_new: (x) => geluTanh(x),
  gelu_python: gelu,
  gelu_python_tanh: (x) => geluTanh(x),
  gelu_pytorch_tanh: (x) => geluTanh(x),
  hardswish: (x) => tf.div(tf.mul(x, tf.relu6(tf.add(x, 3))), 6),
  laplace: (x) => normalCdf(tf.div(tf.sub(x, 0.707107), 0.282095)),
  leaky_relu: (x) => tf.leakyRelu(x, 0.01),
  linear: (x) => tf.clone(x),
  mish: (x) => tf.mul(x, tf.tanh(tf.softplus(x))),
  quick_gelu: (x) => tf.mul(x, tf.sigmoid(tf.mul(x, 1.702))),
  relu: (x) => tf.relu(x),
  relu2: (x) => tf.square(tf.relu(x)),
  relu6: (x) => tf.relu6(x),
  selu: (x) => tf.selu(x), // Differs: the documentation names it, transformers has no such key
  sigmoid: (x) => tf.sigmoid(x),
  silu,
  sqrtsoftplus: (x) => tf.sqrt(tf.softplus(x)),
  swish: silu,
  tanh: (x) => tf.tanh(x),
};

/** Every name that `hiddenAct` accepts. */
export const ACTIVATION_NAMES: readonly string[] = Object.keys(ACTIVATIONS);

/**
 * The function that `hiddenAct` names, or the function itself.
 * @throws ConfigError for an unknown name.
 * @example
 * activationFunction('relu')(tf.tensor1d([-1, 2])); // [0, 2]
 */
export function activationFunction(activation: Activation): TensorFunction {
  if (typeof activation === 'function') return activation;
  const named = Object.hasOwn(ACTIVATIONS, activation) ? ACTIVATIONS[activation] : undefined;
  if (named === undefined) {
    throw new ConfigError(
      `hiddenAct: expected one of ${ACTIVATION_NAMES.join(', ')} or a function of tensors, received ${activation}`,
    );
  }
  return named;
}

/** The activation's name. @throws ConfigError for a function: a saved layer can only name its activation. */
export function activationName(activation: Activation, who: string): string {
  if (typeof activation === 'string') return activation;
  throw new ConfigError(`${who}: an activation given as a function cannot be saved; set hiddenAct to a name`);
}
