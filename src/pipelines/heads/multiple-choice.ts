// Visual multiple choice (VCR): which of some answers, or rationales, fits a question about an image.
import { ConfigError } from '../../errors.js';
import { VisualBertForMultipleChoice } from '../../models/multiple-choice.js';
import { readTaggedQuestion } from '../../processing/aligned-text.js';
import { nameObjects, type VcrToken } from '../../processing/vcr-names.js';
import { shown } from '../../options.js';
import type { ChoiceInput } from '../contract.js';
import type { PipelineExample } from '../example.js';
import { type HeadContext, type HeadScores, type PipelineDefinition, ranked, wholeRow } from '../head.js';
import { requireOneImage } from '../regions.js';

export const multipleChoice: PipelineDefinition<'visual-multiple-choice'> = {
  Model: VisualBertForMultipleChoice,
  input: { question: true, choices: true, objects: false, regions: true },
  textForm: 'vcr',
  createHead: (context) => {
    const scores: HeadScores = {
      output: 'logits',
      excluded: null,
      span: wholeRow,
      label: (index, { labels }) => labels[index] as string,
      readAt: (_example, _asked, index) => ({ sequence: index, position: 0 }),
    };
    return {
      hasChoices: true,
      asked: null,
      scores,
      encode: (input) => encodeChoices(input, context),
      decode: (computed, { topK = Infinity }) =>
        ranked(scores, computed, topK).map(({ index, score }) => ({
          choice: computed.example.labels[index] as string,
          index,
          score,
        })),
    };
  },
};

async function encodeChoices(
  { question, choices, objects, regions }: ChoiceInput,
  { processor, readImages }: HeadContext,
): Promise<PipelineExample> {
  if (!Array.isArray(choices)) throw new ConfigError(`choices: expected a list, received ${shown(choices)}`);
  if (choices.length < 2) throw new ConfigError(`choices: expected two or more, received ${choices.length}`);
  const [image] = await readImages(requireOneImage(regions));
  if (image === undefined) throw new ConfigError('regions: expected those of one image, received none');
  const context = tokensOf(question);
  const tokens = choices.map(tokensOf);
  const tagged = [context, ...tokens].flat().flatMap((token) => (typeof token === 'string' ? [] : token));
  const highest = Math.max(-1, ...tagged);
  if (highest >= (objects?.length ?? 0)) {
    throw new ConfigError(
      `objects: a tag names object ${highest}, ${objects === undefined ? 'received no objects' : `received ${objects.length}`}; give the kind of each object`,
    );
  }
  const names = nameObjects(context, tokens, objects ?? []).choices;
  const labels = names.map((words) => words.map(({ word }) => word).join(' '));
  if (objects === undefined) {
    const texts = await Promise.all(tokens.map((choice) => processor.encodeText(context.join(' '), choice.join(' '))));
    return { sequences: texts.map((text) => ({ text, regions: [image] })), labels };
  }
  const read = await readTaggedQuestion({ context, choices: tokens, objects }, image, {
    processor,
    alignment: 'pieces',
    names: 'distinct',
  });
  const sequences = read.choices.map(({ text, positions }) => ({
    text,
    regions: [read.regions],
    alignment: positions,
  }));
  return { sequences, labels };
}

function tokensOf(text: string | readonly VcrToken[]): readonly VcrToken[] {
  return typeof text === 'string' ? [text] : text;
}
