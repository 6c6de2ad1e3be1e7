// The attention probabilities of every layer, and the gradient of one score with respect to them.
import { tf } from '#tf';
import type { VisualBertConfig } from '../config/config.js';
import { flattenList, listOf } from '../inference/arrays.js';
import type { ForwardPass } from '../inference/forward-pass.js';
import type { RunnableModel } from '../inference/runnable-model.js';
import type { Tensors } from '../raw-tensor.js';
import type { RunFunction, TensorFunction } from '../inference/runner.js';
import type { RawTensor } from '../raw-tensor.js';

/** One layer's attention over a sequence. */
export interface LayerAttention {
  heads: number;
  /** Number of positions that attend and are attended to, from the start of the sequence. */
  size: number;
  /** `[heads, size, size]`: how much each position (second axis) attends to each other one. */
  attention: Float32Array;
  /** `[heads, size, size]`: of the score with respect to the attention; empty where no score was requested. */
  gradient: Float32Array;
}

/** A model that can be traced. */
export type TracedModel = RunnableModel & { readonly config: VisualBertConfig };

/** The input that selects the explained scores, as factors of the output. */
export const TARGET = 'explainedTarget';

/** The traces of each forward pass by the output that they explain, so that a pass records each of them once. */
const traces = new WeakMap<ForwardPass, Map<string, RunFunction>>();

/** The trace of the output `name`, prepared on first use. @param forward of this model */
export function preparedTrace(model: TracedModel, forward: ForwardPass, name: string): RunFunction {
  const known = traces.get(forward) ?? new Map<string, RunFunction>();
  traces.set(forward, known);
  const trace = known.get(name) ?? forward.prepare(traceOf(model, name), `explain ${name}`);
  known.set(name, trace);
  return trace;
}

/**
 * A function of model inputs and `explainedTarget`, which has the shape of the output `name`: returns the lists `attention` and
 * `gradient`, `[b, n, s, s]` of each layer, gradients of the sum of target times output. With `bypassTransformer` the encoder's layers
 * attend over the text alone, `[b, n, t, t]`, and one more layer over text and regions.
 */
function traceOf(model: TracedModel, name: string): TensorFunction {
  return ({ [TARGET]: target, ...inputs }) => {
    const seen: tf.Tensor[] = [];
    const scores = (...changes: tf.Tensor[]): tf.Tensor => {
      const outputs = computeWith(model, inputs, (probabilities) => {
        const change = changes[seen.length] as tf.Tensor;
        seen.push(tf.keep(tf.clone(probabilities)));
        return tf.add(probabilities, change);
      });
      return outputs[name] as tf.Tensor;
    };
    const changes = attentionShapes(model.config, inputs).map((shape) => tf.zeros(shape));
    const { grads } = tf.valueAndGrads(scores)(changes, target);
    const attentions = seen.map((attention) => tf.clone(attention));
    tf.dispose(seen); // they were kept beyond the tape; their clones remain
    return { ...flattenList('gradient', grads), ...flattenList('attention', attentions) };
  };
}

/** A function of model inputs that returns only the list `attention`. */
export function prepareAttention(model: TracedModel, forward: ForwardPass): RunFunction {
  return forward.prepare((inputs) => {
    const seen: tf.Tensor[] = [];
    computeWith(model, inputs, (probabilities) => (seen.push(probabilities), probabilities));
    return flattenList('attention', seen);
  }, 'attention');
}

function computeWith(
  model: TracedModel,
  inputs: Tensors,
  attentionHook: (probabilities: tf.Tensor) => tf.Tensor,
): Tensors {
  return model.compute(inputs, { training: false, dropoutKey: null, attentionHook }) as Tensors;
}

/** The shape of each layer's attention, in the order in which the layers run. */
function attentionShapes(config: VisualBertConfig, { inputIds, visualEmbeds }: Tensors): number[][] {
  const { numHiddenLayers, numAttentionHeads, prunedHeads, bypassTransformer } = config;
  const [t = 0] = inputIds?.shape.slice(-1) ?? [];
  const rows = (inputIds?.size ?? 0) / t; // examples times choices
  const [v = 0] = visualEmbeds?.shape.slice(-2, -1) ?? [];
  const isBypassed = bypassTransformer && v > 0;
  const size = isBypassed ? t : t + v;
  const encoder = Array.from({ length: numHiddenLayers }, (_, layer) => {
    const heads = numAttentionHeads - (prunedHeads[layer]?.length ?? 0);
    return [rows, heads, size, size];
  });
  return isBypassed ? [...encoder, [rows, numAttentionHeads, t + v, t + v]] : encoder;
}

/** The location of a sequence in a padded batch. */
export interface TracedSequence {
  /** Row of the batch, counting every choice. */
  row: number;
  /** Real text positions and regions. */
  text: number;
  regions: number;
  /** Text positions with padding. */
  textLength: number;
}

/** The traced layers of a batch. */
export interface TracedBatch {
  /** The layers of one sequence, without padding. */
  layersOf(sequence: TracedSequence): LayerAttention[];
}

/** Runs a trace for a batch. */
export async function runTrace(trace: RunFunction, inputs: Record<string, RawTensor>): Promise<TracedBatch> {
  const traced = await trace(inputs);
  const gradients = listOf(traced, 'gradient');
  return {
    layersOf: (sequence) =>
      listOf(traced, 'attention').map((attention, layer) => {
        const gradient = gradients[layer];
        const [, heads = 0, padded = 0] = attention.shape;
        const positions = positionsOf(sequence, padded);
        return {
          heads,
          size: positions.length,
          attention: withoutPadding(attention, sequence.row, positions),
          gradient: gradient === undefined ? new Float32Array() : withoutPadding(gradient, sequence.row, positions),
        };
      }),
  };
}

/** The real positions among `padded`: of the text, and of the regions unless the layer reads only text. */
function positionsOf({ text, regions, textLength }: TracedSequence, padded: number): number[] {
  const ofText = Array.from({ length: text }, (_, i) => i);
  const ofRegions = Array.from({ length: regions }, (_, i) => textLength + i);
  return padded > textLength ? [...ofText, ...ofRegions] : ofText;
}

/** `[b, n, padded, padded]` to `[n, s, s]`. */
function withoutPadding({ shape, data }: RawTensor, row: number, positions: readonly number[]): Float32Array {
  const [, heads = 0, padded = 0] = shape;
  const size = positions.length;
  const values = new Float32Array(heads * size * size);
  for (let head = 0; head < heads; head++) {
    positions.forEach((from, i) => {
      const start = ((row * heads + head) * padded + from) * padded;
      positions.forEach((to, j) => (values[(head * size + i) * size + j] = data[start + to] as number));
    });
  }
  return values;
}
