// Predicts masked words from the text and the picture.
import { ConfigError } from '../../errors.js';
import { VisualBertForPreTraining } from '../../models/pre-training.js';
import { IGNORED_LABEL } from '../../scores.js';
import { type HeadScores, type PipelineDefinition, ranked } from '../head.js';
import { requireOneImage } from '../regions.js';

const DEFAULT_WORDS = 5;

export const fillMask: PipelineDefinition<'fill-mask'> = {
  Model: VisualBertForPreTraining,
  input: { text: true, textPair: false, regions: false },
  textForm: 'pretraining',
  createHead: ({ processor, readImages }) => {
    const { mask } = processor.tokenizer.special;
    const word = (id: number): string => processor.tokenizer.tokens([id])[0] as string;
    const scores: HeadScores = {
      output: 'predictionLogits',
      excluded: null,
      span: (_example, asked, [, , vocabulary = 0]) => ({ start: asked * vocabulary, count: vocabulary }),
      label: word,
      readAt: ({ sequences }, asked) => ({ sequence: 0, position: sequences[0]?.asked?.[asked] ?? 0 }),
    };
    return {
      hasChoices: false,
      asked: { name: 'maskedPositions', padding: IGNORED_LABEL },
      scores,
      encode: async ({ text: given, textPair, regions }) => {
        const images = regions === undefined ? [] : await readImages(requireOneImage(regions));
        const text = await processor.encodeText(given, textPair);
        const asked = text.ids.flatMap((id, position) => (id === mask ? [position] : []));
        if (asked.length === 0) {
          throw new ConfigError(
            `text: expected a [MASK] for each hidden word, received ${JSON.stringify(given.slice(0, 60))}`,
          );
        }
        return {
          sequences: [{ text, regions: images, asked }],
          labels: asked.map((position) => `[MASK] at ${position}`),
        };
      },
      decode: (computed, { topK = DEFAULT_WORDS }) =>
        (computed.example.sequences[0]?.asked ?? []).map((position, asked) => ({
          position,
          words: ranked(scores, computed, topK, asked).map(({ index, score }) => ({
            word: word(index),
            id: index,
            score,
          })),
        })),
    };
  },
};
