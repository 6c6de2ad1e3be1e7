// The attention of a studied example's sequence through all layers, summed for each word and region.
import type { PipelineName } from '../pipelines/contract.js';
import type { CollatedBatch, PipelineAccess } from '../pipelines/create.js';
import type { HeadScores } from '../pipelines/head.js';
import type { RawTensor } from '../raw-tensor.js';
import { sizeOf } from '../shapes.js';
import { attentionRow, relevanceRow, rolloutRow } from './methods.js';
import type { ExplainedExample } from './explained-example.js';
import { type LayerAttention, preparedTrace, runTrace, TARGET, type TracedBatch } from './trace.js';

/** A sequence with its words and the number of its regions. */
export type SequenceParts = Pick<ExplainedExample, 'sequence' | 'words' | 'regions'>;

/** The relevance of all positions for one position of the sequence, text first, then regions. */
export type RowOf = (position: number) => Float64Array;

/** The layers of the explained sequence, with the gradient of the answer's score. */
export async function traceExample(study: ExplainedExample): Promise<LayerAttention[]> {
  const { access, scores, example, batch, computed, asked, answer, sequence, sequenceIndex, regions } = study;
  const { shape } = computed.outputs[scores.output] as RawTensor;
  const score = scores.span(example, asked, shape).start + answer.index;
  const { layersOf } = await traceBatch(access, scores, batch, { scores: [score], shape });
  return layersOf({ row: sequenceIndex, text: sequence.text.ids.length, regions, textLength: computed.textLength });
}

/** The layers of every sequence of a batch, with the gradient of one score of each example: its index in the row of the output. */
export async function traceBatch(
  { model, forward, pad }: PipelineAccess<PipelineName>,
  { output }: HeadScores,
  { examples, inputs }: CollatedBatch,
  explained: { scores: readonly number[]; shape: readonly number[] },
): Promise<TracedBatch> {
  const shape = [...explained.shape];
  const data = new Float32Array(sizeOf(shape));
  explained.scores.forEach((score, row) => (data[row * (data.length / examples.length) + score] = 1));
  const padded = pad({ ...inputs, [TARGET]: { dtype: 'float32', shape, data } }, examples.length);
  return runTrace(preparedTrace(model, forward, output), padded.inputs);
}

/** Rows by the methods that read attention. */
export function rowsOf(
  layers: readonly LayerAttention[],
  { sequence, regions }: SequenceParts,
): Record<'rollout' | 'relevance', RowOf> & { attention(layer: number, head: number | null): RowOf } {
  const s = sequence.text.ids.length + regions;
  return {
    attention: (layer, head) => (position) => attentionRow(layers[layer] as LayerAttention, position, s, head),
    rollout: (position) => rolloutRow(layers, position, s),
    relevance: (position) => relevanceRow(layers, position, s),
  };
}

/** The sum of a row for each word (over its pieces) and its value for each region. */
export function sharesOf(
  row: ArrayLike<number>,
  { words, sequence, regions }: SequenceParts,
): { words: number[]; regions: number[] } {
  const at = (position: number): number => row[position] ?? 0;
  const t = sequence.text.ids.length;
  return {
    words: words.map(({ positions }) => positions.reduce((sum, position) => sum + at(position), 0)),
    regions: Array.from({ length: regions }, (_, region) => at(t + region)),
  };
}

/** The attention of each word to each other word and each region: the mean of its pieces' rows. */
export function wordRows(rowOf: RowOf, study: ExplainedExample): { words: number[]; regions: number[] }[] {
  return study.words.map(({ positions }) => {
    const rows = positions.map(rowOf);
    const mean = Array.from(
      rows[0] as Float64Array,
      (_, i) => rows.reduce((sum, row) => sum + (row[i] as number), 0) / rows.length,
    );
    return sharesOf(mean, study);
  });
}
