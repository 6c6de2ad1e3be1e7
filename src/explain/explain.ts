// explain(): why a pipeline gives an answer, as scores of the words and regions that it read.
import { boxAt } from '../boxes.js';
import { ConfigError } from '../errors.js';
import { parseOptions, requireKinds } from '../options.js';
import type { Pipeline, PipelineInput, PipelineName } from '../pipelines/contract.js';
import { usePipeline } from '../pipelines/create.js';
import { truncationOf } from '../pipelines/example.js';
import { rowsOf, sharesOf, wordRows } from './attributions.js';
import {
  type ExplainedAnswer,
  type ExplainedImage,
  type ExplainOptions,
  explainSchema,
  type Explanation,
  type ResolvedExplainOptions,
} from './contract.js';
import type { ExplainedExample } from './explained-example.js';
import { Study } from './study.js';
import type { LayerAttention } from './trace.js';

/**
 * Scores each word and each region by its relevance to an answer.
 * @example
 * const ask = await pipeline('visual-question-answering', 'runs/vqa');
 * const { answer, words, images } = await explain(ask, { question: 'What color is the bus?', regions });
 * @throws ConfigError for a task without answers, an unknown method, answer, layer or head, or an option of another method
 */
export async function explain<T extends PipelineName>(
  pipeline: Pipeline<T>,
  input: PipelineInput<T>,
  options: ExplainOptions = {},
): Promise<Explanation> {
  requireKinds('explain', { 'a function': { pipeline } });
  const explained = resolveExplainOptions(options);
  return usePipeline(pipeline, async (access) =>
    explanationOf(await Study.of(access, input, explained.asked), explained),
  );
}

/** @throws ConfigError for an option of another method */
export function resolveExplainOptions(options: ExplainOptions): ResolvedExplainOptions {
  const resolved = parseOptions('explain', explainSchema, options);
  const { method, pairs, layer, head } = resolved;
  if (method !== 'attention' && (layer !== undefined || head !== undefined))
    throw new ConfigError(
      `explain: \`layer\` and \`head\` belong to method: 'attention', not to method: '${method}'; give method: 'attention', or leave them out`,
    );
  if (method !== 'leave-out' && pairs)
    throw new ConfigError(
      `explain: \`pairs\` belongs to method: 'leave-out', not to method: '${method}', whose pairs are always there; give method: 'leave-out', or leave it out`,
    );
  return resolved;
}

/** The explanation of one answer of an input. @throws ConfigError for an unknown answer, layer or head */
export async function explanationOf(
  study: Study,
  { method, pairs, answer, layer: chosen, head: chosenHead, topK }: ResolvedExplainOptions,
): Promise<Explanation> {
  const one = study.answer(answer);
  const answers = study.answers(topK);
  if (method === 'leave-out')
    return { method, ...scored(one, answers, await one.drops()), ...(pairs ? { pairs: await one.pairDrops() } : {}) };
  const layers = await one.layers();
  const rows = rowsOf(layers, one);
  const [layer, head] = [chosen ?? layers.length - 1, chosenHead ?? null];
  if (method === 'attention') requireLayer(layers, layer, head);
  const rowOf = method === 'attention' ? rows.attention(layer, head) : rows[method];
  return {
    method,
    ...(method === 'attention' ? { layer, head } : {}),
    ...scored(one, answers, sharesOf(rowOf(one.position), one)),
    pairs: wordRows(rowOf, one).map(({ regions }) => regions),
  };
}

/** An explanation from the scores of each word and each region. */
function scored(
  { words, answer, sequence, example, asked, access }: ExplainedExample,
  answers: ExplainedAnswer[],
  scores: { words: readonly number[]; regions: readonly number[] },
): Omit<Explanation, 'method'> {
  let start = 0;
  const images = sequence.regions.map(({ count, boxes, imageWidth: width, imageHeight: height }): ExplainedImage => {
    const regions = scores.regions.slice(start, (start += count)).map((score, region) => ({
      score,
      ...(boxes === undefined ? {} : { box: boxAt(boxes, region) }),
    }));
    return { ...(width === undefined ? {} : { width }), ...(height === undefined ? {} : { height }), regions };
  });
  const label = access.head.asked === null ? undefined : example.labels[asked];
  return {
    ...(label === undefined ? {} : { asked: label }),
    answer,
    answers,
    words: words.map((word, i) => ({ ...word, score: scores.words[i] as number })),
    images,
    ...truncationOf(example),
  };
}

function requireLayer(layers: readonly LayerAttention[], layer: number, head: number | null): void {
  const heads = layers[layer]?.heads;
  if (heads === undefined)
    throw new ConfigError(`explain: expected a layer from 0 to ${layers.length - 1}, received ${layer}`);
  if (head !== null && head >= heads)
    throw new ConfigError(`explain: expected a head from 0 to ${heads - 1} of layer ${layer}, received ${head}`);
}
