// Ranks the words and regions of many examples by their relevance to the model's own answer.
import type { PipelineName } from '../pipelines/contract.js';
import type { PipelineAccess } from '../pipelines/create.js';
import { type PipelineExample, regionCount, type Sequence } from '../pipelines/example.js';
import { type HeadScores, ranked } from '../pipelines/head.js';
import { DEFAULT_BUCKETS } from '../processing/batch.js';
import { permutation } from '../random/values.js';
import type { RawTensor } from '../raw-tensor.js';
import { rowsOf, sharesOf, traceBatch } from './attributions.js';
import { type Word, wordsOf } from './words.js';

/** The compared orders: those of explanation methods, and a random one. */
export const RANKINGS = ['relevance', 'rollout', 'attention', 'random'] as const;
export type RankingName = (typeof RANKINGS)[number];

/** Scores of the parts of one example, by ranking. */
export interface RankedParts {
  /** The sequence with the words; of multiple choices that of the chosen one. */
  sequence: Sequence;
  words: readonly Word[];
  /** The text position that the head reads. */
  position: number;
  scores: Record<RankingName, { words: readonly number[]; regions: readonly number[] }>;
}

/**
 * Scores the words and regions of examples that fit into one batch; of multiple choices those of the chosen one.
 * @param numbers of the examples, which with the seed decide the random scores.
 */
export async function rankParts(
  access: PipelineAccess<PipelineName>,
  scores: HeadScores,
  examples: readonly PipelineExample[],
  { numbers, seed }: { numbers: readonly number[]; seed: number },
): Promise<RankedParts[]> {
  const batch = access.collate(examples, { buckets: DEFAULT_BUCKETS }); // traces compute padding
  const computed = await access.run(batch);
  const { shape } = computed[0]?.outputs[scores.output] as RawTensor;
  const answers = computed.map((one) => ranked(scores, one, 1)[0]?.index ?? 0);
  const indices = answers.map((answer, i) => scores.span(examples[i] as PipelineExample, 0, shape).start + answer);
  const { layersOf } = await traceBatch(access, scores, batch, { scores: indices, shape });
  const textLength = batch.inputs['inputIds']?.shape.at(-1) ?? 0;
  const choices = examples[0]?.sequences.length ?? 1;
  return examples.map((example, i) => {
    const { sequence: chosen, position } = scores.readAt(example, 0, answers[i] as number);
    const sequence = example.sequences[chosen] as Sequence;
    const regions = regionCount(sequence);
    const parts = { sequence, regions, words: wordsOf(sequence.text.ids, access.processor.tokenizer) };
    const layers = layersOf({ row: i * choices + chosen, text: sequence.text.ids.length, regions, textLength });
    const rows = rowsOf(layers, parts);
    const last = rows.attention(layers.length - 1, null);
    const random = permutation(parts.words.length + regions, seed, numbers[i] as number);
    return {
      sequence,
      words: parts.words,
      position,
      scores: {
        relevance: sharesOf(rows.relevance(position), parts),
        rollout: sharesOf(rows.rollout(position), parts),
        attention: sharesOf(last(position), parts),
        random: {
          words: [...random.subarray(0, parts.words.length)],
          regions: [...random.subarray(parts.words.length)],
        },
      },
    };
  });
}
