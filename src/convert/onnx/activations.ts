// The activations of src/layers/activations.ts in ONNX's operators.
import { ConfigError } from '../../errors.js';
import type { GraphBuilder, Value } from './graph-builder.js';

type GraphFunction = (g: GraphBuilder, x: Value) => Value;

const gelu: GraphFunction = (g, x) => g.add('Mul', [x, normalCdf(g, x)]);
const geluTanh =
  (a = Math.sqrt(2 / Math.PI)): GraphFunction =>
  (g, x) => {
    const cubic = g.add('Add', [g.add('Mul', [g.add('Mul', [x, x]), g.float(0.044715)]), g.float(1)]);
    const inner = g.add('Mul', [g.add('Mul', [x, g.float(a)]), cubic]);
    return g.add('Mul', [g.add('Mul', [x, g.float(0.5)]), g.add('Add', [g.add('Tanh', [inner]), g.float(1)])]);
  };
const silu: GraphFunction = (g, x) => g.add('Mul', [x, g.add('Sigmoid', [x])]);
const clip: (low: number, high: number) => (g: GraphBuilder, x: Value) => Value = (low, high) => (g, x) =>
  g.add('Clip', [x, g.float(low), g.float(high)]);

/** `(1 + erf(x / sqrt 2)) / 2`. */
function normalCdf(g: GraphBuilder, x: Value): Value {
  const erf = g.add('Erf', [g.add('Mul', [x, g.float(Math.SQRT1_2)])]);
  return g.add('Mul', [g.add('Add', [erf, g.float(1)]), g.float(0.5)]);
}

const ACTIVATIONS: Readonly<Record<string, GraphFunction>> = {
  elu: (g, x) => g.add('Elu', [x]),
  gelu,
  gelu_10: (g, x) => clip(-10, 10)(g, gelu(g, x)),
  gelu_accurate: geluTanh(),
  gelu_fast: geluTanh(0.7978845608),
  gelu_new: geluTanh(),
  gelu_python: gelu,
  gelu_python_tanh: geluTanh(),
  gelu_pytorch_tanh: geluTanh(),
  hardswish: (g, x) => g.add('HardSwish', [x]),
  laplace: (g, x) => normalCdf(g, g.add('Div', [g.add('Sub', [x, g.float(0.707107)]), g.float(0.282095)])),
  leaky_relu: (g, x) => g.add('LeakyRelu', [x], { alpha: { float: 0.01 } }),
  linear: (_, x) => x,
  mish: (g, x) => g.add('Mul', [x, g.add('Tanh', [g.add('Softplus', [x])])]),
  quick_gelu: (g, x) => g.add('Mul', [x, g.add('Sigmoid', [g.add('Mul', [x, g.float(1.702)])])]),
  relu: (g, x) => g.add('Relu', [x]),
  relu2: (g, x) => {
    const rectified = g.add('Relu', [x]);
    return g.add('Mul', [rectified, rectified]);
  },
  relu6: clip(0, 6),
  selu: (g, x) => g.add('Selu', [x]),
  sigmoid: (g, x) => g.add('Sigmoid', [x]),
  silu,
  sqrtsoftplus: (g, x) => g.add('Sqrt', [g.add('Softplus', [x])]),
  swish: silu,
  tanh: (g, x) => g.add('Tanh', [x]),
};

/** Adds the activation that `hiddenAct` names. @throws ConfigError for a function: a graph holds operators. */
export function addActivation(g: GraphBuilder, activation: unknown, x: Value): Value {
  const named =
    typeof activation === 'string' && Object.hasOwn(ACTIVATIONS, activation) ? ACTIVATIONS[activation] : undefined;
  if (named !== undefined) return named(g, x);
  throw new ConfigError(
    `convertCheckpoint: expected hiddenAct to be one of ${Object.keys(ACTIVATIONS).join(', ')} for ONNX, received ` +
      (typeof activation === 'string' ? activation : 'a function'),
  );
}
