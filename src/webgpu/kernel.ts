// Runs kernels written in WGSL through tfjs's WebGPU backend: any number of inputs and results, as flat arrays.
import { tf } from '#tf';

/** What of tfjs's backend the kernels and `prepareWebGpu` need. */
export interface WebGpuBackend {
  readonly device: EventTarget & { readonly lost: Promise<{ reason: string; message: string }> };
  readonly tensorMap: { get(dataId: object): TensorData };
  readonly bufferManager: { acquireBuffer(size: number, usage: number): GPUBuffer };
  readonly commandEncoder: GPUCommandEncoder;
  ensureCommandEncoderReady(): void;
  endComputePassEncoder(): void;
  uploadToGPU(dataId: object): void;
  read(dataId: object): Promise<tf.BackendValues>;
  refCount(dataId: object): number;
  incRef(dataId: object): void;
  disposeData(dataId: object): boolean;
  makeTensorInfo(shape: number[], dtype: tf.DataType, values?: tf.BackendValues): tf.TensorInfo;
  runWebGPUProgram(
    program: object,
    inputs: tf.TensorInfo[],
    dtype: tf.DataType,
    uniforms: { type: string; data: number[] }[],
    output: tf.TensorInfo,
  ): tf.TensorInfo;
}

interface TensorData {
  values: tf.BackendValues | null;
  readonly dtype: tf.DataType;
  resource?: GPUBuffer;
}

export type Inputs<Name extends string> = Readonly<Record<Name, tf.TensorInfo>>;
export type Attributes = Readonly<Record<string, unknown>>;

/** A kernel of src/fused.ts: it reads the inputs and attributes that are listed there. */
export type WebGpuKernel = (backend: WebGpuBackend, inputs: never, attributes: Attributes) => tf.TensorInfo[];

/** Threads of a workgroup. */
export const THREADS = 64;

/** A kernel's text. Its code defines `fn main(index: i32)`, called by each thread with its number; every name here has to be used in it. */
export interface Kernel {
  /** Unique to the text: compiled kernels are found by it. */
  name: string;
  /** Arrays that are read, of f32 or, for int32 tensors, i32. At most 8 with the results: what WebGPU promises. */
  inputs: readonly string[];
  /** Arrays of f32 that are written, and may be read. */
  results: readonly string[];
  /** Tensors of one number, read as `scalars.name`: four at most. */
  scalars?: readonly string[];
  /** Numbers of a call, read as `uniforms.name`. */
  uniforms: Readonly<Record<string, 'i32' | 'u32' | 'f32'>>;
  code: string;
}

export interface Call {
  inputs: readonly tf.TensorInfo[];
  /** Shapes of new results, or float32 tensors to be written to, none of which is an input. */
  results: readonly (readonly number[] | tf.TensorInfo)[];
  /** From `packScalars`, in the order of the kernel's names. */
  scalars?: tf.TensorInfo;
  uniforms: Readonly<Record<string, number>>;
  workgroups: number;
}

const UNIFORM_TYPES = { i32: 'int32', u32: 'uint32', f32: 'float32' };

/** Number of the workgroup; beyond those asked for where there are more than one dimension holds. */
const PRELUDE = `
fn group() -> i32 {
  return i32((workgroupId.z * numWorkgroups.y + workgroupId.y) * numWorkgroups.x + workgroupId.x);
}
`;

/** Runs a kernel in one dispatch. With an empty input all results are 0, the sums and losses over nothing. */
export function run(
  backend: WebGpuBackend,
  kernel: Kernel,
  { inputs, results, scalars, uniforms, workgroups }: Call,
): tf.TensorInfo[] {
  const isEmpty = inputs.some(({ shape }) => tf.util.sizeFromShape(shape) === 0);
  const made = results.map((result) => {
    if ('dataId' in result) return result;
    const shape = [...result];
    const zeros = isEmpty ? new Float32Array(tf.util.sizeFromShape(shape)) : undefined;
    return backend.makeTensorInfo(shape, 'float32', zeros);
  });
  if (isEmpty) return made;
  const given = inputs.map((input) => (isStoredOtherwise(backend, input) ? tf.mul(input as tf.Tensor, 1) : input));
  const [first, ...others] = made.map(flat) as [tf.TensorInfo, ...tf.TensorInfo[]];
  const numbers = Object.entries(kernel.uniforms).map(([name, type]) => ({
    type: UNIFORM_TYPES[type],
    data: [uniforms[name] as number],
  }));
  backend.runWebGPUProgram(
    programOf(kernel, first.shape, workgroups),
    [...given.map(flat), ...others, ...(scalars === undefined ? [] : [scalars])],
    'float32',
    numbers,
    first,
  );
  given.forEach((tensor, i) => tensor !== inputs[i] && (tensor as tf.Tensor).dispose());
  return made;
}

/** tfjs leaves a tensor that was cast to float32 as the integers that it was. */
function isStoredOtherwise(backend: WebGpuBackend, { dataId, dtype }: tf.TensorInfo): boolean {
  return dtype === 'float32' && backend.tensorMap.get(dataId).dtype !== 'float32';
}

/** Shapes are not looked at, and would be compiled into kernels of their own. */
function flat({ dataId, shape, dtype }: tf.TensorInfo): tf.TensorInfo {
  return { dataId, shape: [tf.util.sizeFromShape(shape)], dtype };
}

/** Bytes of the buffer of scalars: four float32. */
const SCALARS_BYTES = 16;

/**
 * Copies scalars float32 into a buffer for `Call.scalars`, which does not count among the 8 of a kernel. It is the caller's: `disposeData` frees it,
 * after the kernels that read it.
 */
export function packScalars(backend: WebGpuBackend, scalars: readonly tf.TensorInfo[]): tf.TensorInfo {
  for (const { dataId } of scalars) backend.uploadToGPU(dataId);
  const packed = backend.makeTensorInfo([SCALARS_BYTES / 4], 'float32');
  const buffer = backend.bufferManager.acquireBuffer(SCALARS_BYTES, GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST);
  backend.tensorMap.get(packed.dataId).resource = buffer;
  backend.ensureCommandEncoderReady();
  backend.endComputePassEncoder();
  for (const [i, { dataId }] of scalars.entries())
    backend.commandEncoder.copyBufferToBuffer(backend.tensorMap.get(dataId).resource as GPUBuffer, 0, buffer, 4 * i, 4);
  return packed;
}

/** tfjs's description of a kernel. It binds one result and any number of inputs: further results are inputs that are bound again, writable, and scalars
 * an input that is bound again as a uniform. */
function programOf(
  { name, inputs, results, scalars, uniforms, code }: Kernel,
  outputShape: number[],
  workgroups: number,
): object {
  const further = results.slice(1).map((result) => `bound_${result}`);
  const binding = (result: string, at: number): string =>
    `@group(0) @binding(${at}) var<storage, read_write> ${result}: array<f32>;`;
  const bindings = results.map((result, i) => binding(result, i === 0 ? 0 : inputs.length + i));
  if (scalars !== undefined) {
    further.push('bound_scalars');
    bindings.push(`struct Scalars { ${scalars.map((scalar) => `${scalar}: f32`).join(', ')} }
@group(0) @binding(${inputs.length + results.length}) var<uniform> scalars: Scalars;`);
  }
  return {
    constructor: { name },
    shaderKey: `visualbert_${name}`,
    variableNames: [...inputs, ...further],
    uniforms: Object.entries(uniforms)
      .map(([key, type]) => `${key}: ${type},`)
      .join(' '),
    outputShape,
    workgroupSize: [THREADS, 1, 1],
    dispatch: [workgroups, 1, 1],
    dispatchLayout: { x: [0] },
    getUserCode: () => [...bindings, PRELUDE, code].join('\n'),
  };
}
