// Visual question answering: the most likely answers of a list.
import { VisualBertForQuestionAnswering } from '../../models/question-answering.js';
import { noAnswerNames } from '../../processing/answer-vocabulary.js';
import { type HeadScores, type PipelineDefinition, ranked, wholeRow } from '../head.js';
import { DEFAULT_TOP_K } from '../../scores.js';
import { requireOneImage } from '../regions.js';
import { warnAboutMaskSlot } from '../warnings.js';

export const questionAnswering: PipelineDefinition<'visual-question-answering'> = {
  Model: VisualBertForQuestionAnswering,
  input: { question: true, regions: true },
  textForm: 'vqa',
  createHead: ({ processor, readImages }) => {
    const { answers } = processor;
    if (answers === null) throw noAnswerNames('visual-question-answering');
    const label = (index: number): string => answers.answers[index] as string;
    const scores: HeadScores = {
      output: 'logits',
      excluded: answers.unknownIndex,
      span: wholeRow,
      label,
      readAt: ({ sequences }) => ({ sequence: 0, position: (sequences[0]?.text.ids.length ?? 2) - 2 }),
    };
    return {
      hasChoices: false,
      asked: null,
      scores,
      encode: async ({ question, regions }) => {
        const [text, images] = await Promise.all([
          processor.encodeText(question),
          readImages(requireOneImage(regions)),
        ]);
        warnAboutMaskSlot(text, processor);
        return { sequences: [{ text, regions: images }], labels: [] };
      },
      decode: (computed, { topK = DEFAULT_TOP_K }) =>
        ranked(scores, computed, topK).map(({ index, score }) => ({
          answer: label(index),
          index,
          score,
        })),
    };
  },
};
