// Whether a text and an image belong together.
import { VisualBertForPreTraining } from '../../models/pre-training.js';
import { IGNORED_LABEL } from '../../scores.js';
import { type HeadScores, type PipelineDefinition, probabilitiesOf, wholeRow } from '../head.js';
import { requireOneImage } from '../regions.js';

/** By class: 1 is a match in the authors' code; transformers' documentation has it the other way round. */
const LABELS = ['does not match', 'matches'];

export const imageTextMatching: PipelineDefinition<'image-text-matching'> = {
  Model: VisualBertForPreTraining,
  input: { text: true, textPair: false, regions: true },
  textForm: 'pretraining',
  createHead: ({ processor, readImages }) => {
    const scores: HeadScores = {
      output: 'seqRelationshipLogits',
      excluded: null,
      span: wholeRow,
      label: (index) => LABELS[index] as string,
      readAt: () => ({ sequence: 0, position: 0 }),
    };
    return {
      hasChoices: false,
      asked: { name: 'maskedPositions', padding: IGNORED_LABEL },
      scores,
      encode: async ({ text: given, textPair, regions }) => {
        const [text, images] = await Promise.all([
          processor.encodeText(given, textPair),
          readImages(requireOneImage(regions)),
        ]);
        return { sequences: [{ text, regions: images, asked: [] }], labels: [] };
      },
      decode: (computed) => {
        const [, score = 0] = probabilitiesOf(scores, computed);
        return { score, matches: score >= 0.5 };
      },
    };
  },
};
