// Visual reasoning: a class for a statement about one image or a pair, such as whether it is true (NLVR2).
import { VisualBertForVisualReasoning } from '../../models/visual-reasoning.js';
import { type HeadScores, type PipelineDefinition, ranked, wholeRow } from '../head.js';
import { warnAboutVisualTypes } from '../warnings.js';

/** The classes of the authors' NLVR2 head, whose checkpoint has no names: 1 is true. */
const STATEMENT_LABELS = ['False', 'True'];

export const visualReasoning: PipelineDefinition<'visual-reasoning'> = {
  Model: VisualBertForVisualReasoning,
  input: { statement: true, textPair: false, regions: true },
  textForm: 'nlvr2',
  createHead: ({ processor, config, readImages }) => {
    const names = processor.answers?.answers ?? (config.numLabels === 2 ? STATEMENT_LABELS : []);
    const label = (index: number): string => names[index] ?? `LABEL_${index}`;
    const scores: HeadScores = {
      output: 'logits',
      excluded: null,
      span: wholeRow,
      label,
      readAt: () => ({ sequence: 0, position: 0 }),
    };
    return {
      hasChoices: false,
      asked: null,
      scores,
      encode: async ({ statement, textPair, regions }) => {
        const [text, images] = await Promise.all([processor.encodeText(statement, textPair), readImages(regions)]);
        warnAboutVisualTypes(images.length, processor.task);
        return { sequences: [{ text, regions: images }], labels: [] };
      },
      decode: (computed, { topK = Infinity }) =>
        ranked(scores, computed, topK).map(({ index, score }) => ({
          label: label(index),
          index,
          score,
        })),
    };
  },
};
