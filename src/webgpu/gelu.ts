// GELU and its gradient on WebGPU, one thread per element.
import { sizeOf } from '../shapes.js';
import { type Inputs, type Kernel, run, THREADS, type WebGpuBackend, type WebGpuKernel } from './kernel.js';

/** `Phi(x)`, given `bell = e^(-x^2 / 2)`: the polynomial of native/vector_math.h, with a relative error of 2e-8. */
const NORMAL_CDF = `
fn normalCdf(x: f32, bell: f32) -> f32 {
  let t = 1.0 / (1.0 + 0.37 * 0.707106781186547524 * abs(x));
  var p = 0.06192592245813915;
  p = p * t - 0.30328731867219216;
  p = p * t + 0.4868725187823542;
  p = p * t - 0.2853482821963089;
  p = p * t + 0.3108280807298836;
  p = p * t + 0.1065088046053291;
  p = p * t + 0.206257095099043;
  p = p * t + 0.20742939058082255;
  p = p * t + 0.20881377159266523;
  let tail = 0.5 * bell * (p * t);
  return select(1.0 - tail, tail, x < 0.0);
}
`;

const elementwise = (result: string, value: string): string => `${NORMAL_CDF}
fn main(i: i32) {
  if (i < uniforms.elements) {
    let bell = exp(-0.5 * x[i] * x[i]);
    let share = normalCdf(x[i], bell);
    ${result}[i] = ${value};
  }
}`;

const GELU: Kernel = {
  name: 'FusedGelu',
  inputs: ['x'],
  results: ['y'],
  uniforms: { elements: 'i32' },
  code: elementwise('y', 'x[i] * share'),
};

const GELU_GRAD: Kernel = {
  name: 'FusedGeluGrad',
  inputs: ['dy', 'x'],
  results: ['dx'],
  uniforms: { elements: 'i32' },
  code: elementwise('dx', `dy[i] * (share + x[i] * bell * ${1 / Math.sqrt(2 * Math.PI)})`),
};

export const GELU_KERNELS: Readonly<Record<string, WebGpuKernel>> = {
  FusedGelu: (backend: WebGpuBackend, { x }: Inputs<'x'>) => {
    const elements = sizeOf(x.shape);
    const workgroups = Math.ceil(elements / THREADS);
    return run(backend, GELU, { inputs: [x], results: [x.shape], uniforms: { elements }, workgroups });
  },
  FusedGeluGrad: (backend: WebGpuBackend, { dy, x }: Inputs<'dy' | 'x'>) => {
    const elements = sizeOf(x.shape);
    const workgroups = Math.ceil(elements / THREADS);
    return run(backend, GELU_GRAD, { inputs: [dy, x], results: [x.shape], uniforms: { elements }, workgroups });
  },
};
