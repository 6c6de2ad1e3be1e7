// Sums over the workers of a cluster, for recorded updates: operations of the graph that overlap with the rest of the backward pass.
import { tf } from '#tf';
import { EngineError } from '../../../errors.js';
import { fused } from '../../../fused.js';
import { hash32 } from '../../../random/philox.js';
import { sizeOf } from '../../../shapes.js';
import { type Gradients } from './gradients.js';
import { type WorkerGroup } from '../worker-group.js';

/** Gradients are joined into chunks of this many float32: summing many small tensors would add the network's latency each time. */
const CHUNK_ELEMENTS = 6 << 20; // 24 MB, about the 25 MB of torch's DistributedDataParallel
/** Larger gradients get their own chunk: joining them would only cost a copy. */
const LARGE_ELEMENTS = 1 << 20;

/** The sum of `x` over the workers. @param name of the sum, the same on all workers and unique in a run */
export function sumOverWorkers(x: tf.Tensor, name: string, group: WorkerGroup, isLow = false): tf.Tensor {
  const { count, sumTimeoutSeconds: timeoutSeconds } = group;
  const instance = hash32(name) >>> 1; // a positive int32
  const sum = fused('SumOverWorkers', { x }, { workers: count, instance, timeoutSeconds, isLow })?.[0];
  if (sum !== undefined) return sum;
  throw new EngineError('sums over workers need the compiled step; leave out compile: false');
}

/** Whether sending only rows of a matrix is cheaper than sending it whole. @param read rows that all workers read, counted for each */
export function sendsOnlyRows(read: number, all: number): boolean {
  return read <= all / 2;
}

/** The sum over the workers of a matrix that is 0 except in `rows`; null when sending all of it is cheaper. */
function sumRows(x: tf.Tensor, rows: tf.Tensor, name: string, group: WorkerGroup): tf.Tensor | null {
  const { count, sumTimeoutSeconds: timeoutSeconds, wire } = group;
  if (!sendsOnlyRows(count * rows.size, x.shape[0] ?? 0)) return null;
  const instance = hash32(name) >>> 1;
  const attributes = { workers: count, instance, timeoutSeconds, isLow: wire === 'bf16' };
  return fused('SumRowsOverWorkers', { x, rows: tf.reshape(rows, [-1]) }, attributes)?.[0] ?? null;
}

/**
 * The sums of all gradients, in chunks in reverse order of the parameters, roughly the order of the backward pass.
 * @param rowsRead rows of matrices that are 0 elsewhere: only those are sent
 */
export function sumGradients(
  gradients: Gradients,
  group: WorkerGroup,
  rowsRead: ReadonlyMap<string, tf.Tensor> = new Map(),
): Gradients {
  const sums = new Map<string, tf.Tensor>();
  for (const [name, rows] of rowsRead) {
    const gradient = gradients.get(name);
    const sum = gradient === undefined ? null : sumRows(gradient, rows, `rows of ${name}`, group);
    if (sum !== null) sums.set(name, sum);
  }
  for (const chunk of chunksOf([...gradients].filter(([name]) => !sums.has(name)))) {
    const [first] = chunk;
    if (first === undefined) continue;
    const key = `gradients ${chunk.map(([name]) => name).join()}`;
    const sum = (x: tf.Tensor): tf.Tensor => sumOverWorkers(x, key, group, group.wire === 'bf16');
    if (chunk.length === 1) {
      sums.set(first[0], sum(first[1]));
      continue;
    }
    const joined = sum(tf.concat(chunk.map(([, gradient]) => tf.reshape(gradient, [-1]))));
    const parts = tf.split(
      joined,
      chunk.map(([, { size }]) => size),
    );
    chunk.forEach(([name, { shape }], i) => sums.set(name, tf.reshape(parts[i] as tf.Tensor, shape)));
  }
  return new Map([...gradients.keys()].map((name) => [name, sums.get(name) as tf.Tensor]));
}

function chunksOf(gradients: readonly (readonly [string, tf.Tensor])[]): [name: string, gradient: tf.Tensor][][] {
  const large: [string, tf.Tensor][][] = [];
  let open: [string, tf.Tensor][] = [];
  let size = 0;
  const chunks = [...gradients].reverse().flatMap(([name, gradient]) => {
    const entry: [string, tf.Tensor] = [name, gradient];
    const elements = sizeOf(entry[1].shape);
    if (elements >= LARGE_ELEMENTS) {
      large.push([entry]);
      return [];
    }
    open.push(entry);
    size += elements;
    if (size < CHUNK_ELEMENTS) return [];
    const full = open;
    [open, size] = [[], 0];
    return [full];
  });
  return [...large, ...chunks, ...(open.length === 0 ? [] : [open])];
}
