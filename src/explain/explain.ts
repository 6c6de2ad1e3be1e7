// explain(): why a pipeline gives an answer, as scores of the words and regions that it read.
import { boxAt } from '../boxes.js';
import { ConfigError } from '../errors.js';
import { parseOptions, requireKinds } from '../options.js';
import type { Pipeline, PipelineInput, PipelineName } from '../pipelines/contract.js';
import { rowsOf, sharesOf, traceExample, wordRows } from './attributions.js';
import { type ExplainedImage, type ExplainOptions, explainSchema, type Explanation } from './contract.js';
import { leaveOutEach, leaveOutPairs } from './leave-out.js';
import { explainedExample, type ExplainedExample } from './explained-example.js';
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
  const { method, pairs, ...given } = parseOptions('explain', explainSchema, options);
  if (method !== 'attention' && (given.layer !== undefined || given.head !== undefined))
    throw new ConfigError(
      `explain: \`layer\` and \`head\` belong to method: 'attention', not to method: '${method}'; give method: 'attention', or leave them out`,
    );
  if (method !== 'leave-out' && pairs)
    throw new ConfigError(
      `explain: \`pairs\` belongs to method: 'leave-out', not to method: '${method}', whose pairs are always there; give method: 'leave-out', or leave it out`,
    );
  const study = await explainedExample(pipeline, input, given);
  if (method === 'leave-out') {
    const falls = await leaveOutEach(study);
    const explanation = explanationOf(study, falls);
    return { method, ...explanation, ...(pairs ? { pairs: await leaveOutPairs(study, falls) } : {}) };
  }
  const layers = await traceExample(study);
  const rows = rowsOf(layers, study);
  const { layer = layers.length - 1, head = null } = given;
  if (method === 'attention') requireLayer(layers, layer, head);
  const rowOf = method === 'attention' ? rows.attention(layer, head) : rows[method];
  return {
    method,
    ...(method === 'attention' ? { layer, head } : {}),
    ...explanationOf(study, sharesOf(rowOf(study.position), study)),
    pairs: wordRows(rowOf, study).map(({ regions }) => regions),
  };
}

/** An explanation from the scores of each word and each region. */
function explanationOf(
  { words, answer, answers, sequence, example, asked, access }: ExplainedExample,
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
  };
}

function requireLayer(layers: readonly LayerAttention[], layer: number, head: number | null): void {
  const heads = layers[layer]?.heads;
  if (heads === undefined)
    throw new ConfigError(`explain: expected a layer from 0 to ${layers.length - 1}, received ${layer}`);
  if (head !== null && head >= heads)
    throw new ConfigError(`explain: expected a head from 0 to ${heads - 1} of layer ${layer}, received ${head}`);
}
