// Inputs of a model as those of its exported graph.
import { ShapeError } from '../../errors.js';
import { requireKinds } from '../../options.js';
import type { RawTensor } from '../../raw-tensor.js';
import { sizeOf } from '../../shapes.js';

/** The arguments of onnxruntime's `Tensor`. */
export interface OnnxTensor {
  type: 'float32' | 'int64';
  data: Float32Array | BigInt64Array;
  dims: number[];
}

/** What losses read, which no graph computes. */
const TARGETS: readonly string[] = ['labels', 'sentenceImageLabels', 'exampleCount'];
/** Every input of a graph, by its name in `forward`. */
const NAMES: Readonly<Record<string, string>> = {
  inputIds: 'input_ids',
  attentionMask: 'attention_mask',
  tokenTypeIds: 'token_type_ids',
  visualEmbeds: 'visual_embeds',
  visualAttentionMask: 'visual_attention_mask',
  visualTokenTypeIds: 'visual_token_type_ids',
  imageTextAlignment: 'image_text_alignment',
  regionToPhrasePosition: 'region_to_phrase_position',
};

/**
 * What a processor makes, as inputs of the model.onnx of the same checkpoint: integers become int64, and inputs that are absent get
 * the defaults of `forward` (masks of 1, types 0 of tokens and 1 of regions, no alignment). Targets are left out.
 * @param inputs by the names of `forward`; `inputIds` and `visualEmbeds` (of no region, where there is none) are needed.
 * @example
 * const question = { dtype: 'int32', shape: [1, 4], data: Int32Array.of(2, 5, 7, 3) };
 * const regions = { dtype: 'float32', shape: [1, 36, 2048], data: new Float32Array(36 * 2048) };
 * const tensors = onnxInputs({ inputIds: question, visualEmbeds: regions });
 * // const feeds = Object.fromEntries(Object.entries(tensors).map(([name, { type, data, dims }]) => [name, new ort.Tensor(type, data, dims)]));
 * @throws ShapeError for an input that no graph has, or a missing one.
 */
export function onnxInputs(inputs: Readonly<Record<string, RawTensor>>): Record<string, OnnxTensor> {
  requireKinds('onnxInputs', { 'an object': { inputs } });
  const { inputIds, visualEmbeds } = inputs;
  if (inputIds === undefined || visualEmbeds === undefined) {
    const missing = inputIds === undefined ? 'inputIds' : 'visualEmbeds';
    throw new ShapeError(`onnxInputs: expected ${missing}, received ${Object.keys(inputs).join(', ')}; pass both`);
  }
  const [text, regions] = [inputIds.shape, visualEmbeds.shape.slice(0, -1)];
  const filled: Record<string, RawTensor> = {
    attentionMask: full(text, 1),
    tokenTypeIds: full(text, 0),
    visualAttentionMask: full(regions, 1),
    visualTokenTypeIds: full(regions, 1),
    ...(text.length === 3 && { imageTextAlignment: full([...regions, 1], -1) }),
    ...inputs,
  };
  const tensors: Record<string, OnnxTensor> = {};
  for (const [name, tensor] of Object.entries(filled)) {
    if (TARGETS.includes(name)) continue;
    const known = NAMES[name];
    if (known === undefined || (name === 'imageTextAlignment' && text.length !== 3)) {
      throw new ShapeError(`onnxInputs: an ONNX model has no input ${name}; leave it out, or use forward`);
    }
    tensors[known] = name === 'visualEmbeds' ? floats(tensor) : integers(name, tensor);
  }
  return tensors;
}

function full(shape: readonly number[], value: number): RawTensor {
  return { dtype: 'int32', shape: [...shape], data: new Int32Array(sizeOf(shape)).fill(value) };
}

function floats({ data, shape }: RawTensor): OnnxTensor {
  return { type: 'float32', data: data as Float32Array, dims: shape };
}

function integers(name: string, { data, shape }: RawTensor): OnnxTensor {
  const fraction = data.find((value) => !Number.isInteger(value));
  if (fraction !== undefined)
    throw new ShapeError(`onnxInputs: expected whole numbers in ${name}, received ${fraction}; ONNX models take int64`);
  const wide = new BigInt64Array(data.length);
  data.forEach((value, i) => (wide[i] = BigInt(value)));
  return { type: 'int64', data: wide, dims: shape };
}
