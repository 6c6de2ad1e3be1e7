// visualbert explain: relevance of words and regions for an answer, as a page or as numbers. Seconds on a CPU; --pairs takes longest.
import {
  type AnyOneInput,
  evaluateExplanations,
  type EvaluateExplanationsOptions,
  evaluateHeads,
  type ExplainOptions,
  type Explanation,
  explain as explainInput,
  pageDataOf,
  type PipelineName,
  type OneInput,
  writeExplanationPage,
} from '../src/node.js';
import { explanationTable, headTable, removalTable } from './results/explanation-tables.js';
import { BACKEND_FLAGS, type BackendArguments, useBackend } from './flags/backend.js';
import {
  chosenExamples,
  commandByTask,
  type ExampleArguments,
  exampleFlags,
  refuseExamples,
} from './flags/examples.js';
import { refuseUnused } from './flags/checks.js';
import { checkpointFlags } from './flags/checkpoint.js';
import { ONE_INPUT_FLAGS, type OneInputArguments, openInput, PICTURE_FLAGS } from './flags/one-input.js';
import { FRESH_WEIGHTS_FLAG, JSON_FLAG, outputFlag } from './flags/results.js';
import { flagsOf, givenValues } from './flags/settings.js';
import { EXPLAIN_OPTIONS, EXPLANATION_EVALUATION_OPTIONS, explainWithPage, loadPictureUrl } from './flags/internal.js';

interface ExplainArguments
  extends
    BackendArguments,
    OneInputArguments,
    ExampleArguments,
    Pick<ExplainOptions, 'method' | 'layer' | 'head' | 'pairs'>,
    Pick<EvaluateExplanationsOptions, 'limit' | 'seed'> {
  answer?: string;
  output?: string;
  json: boolean;
  evaluate: boolean;
  heads: boolean;
}

const { method, answer, layer, head, pairs } = EXPLAIN_OPTIONS;
/** Flags that only one question has, and only many examples. */
const OF_ONE = [...Object.keys({ ...ONE_INPUT_FLAGS, ...PICTURE_FLAGS, ...EXPLAIN_OPTIONS }), 'phrase', 'output'];
const OF_MANY = Object.keys(EXPLANATION_EVALUATION_OPTIONS);
/** Flags that choose the numbers. */
const OF_NUMBERS = ['method', 'answer', 'layer', 'head'];
const MANY = 'Many labelled examples:';
const WHAT = 'What is explained:';

function requiredMark(name: string): string {
  return name === 'features'
    ? '[required for one question without --detector, and without --run]'
    : '[required for many examples without --run]';
}

export const command = commandByTask<ExplainArguments>(
  'explain',
  'Show the relevance of words and regions for an answer, as an HTML page or as numbers',
  (task) => ({
    options: {
      ...checkpointFlags('Run:'),
      ...ONE_INPUT_FLAGS,
      phrase: {
        type: 'string',
        array: true,
        describe: 'a phrase of the sentence; the first is explained',
        group: 'One question:',
      },
      ...flagsOf({ method, layer, head, pairs }, WHAT),
      answer: { type: 'string', describe: answer.description, group: WHAT }, // a number too is the text of an answer
      output: { ...outputFlag('HTML file to write'), group: 'Result:' },
      picture: {
        ...PICTURE_FLAGS.picture,
        describe: 'picture (file or address) of each image, for the page; with --detector, instead of features',
      },
      detector: PICTURE_FLAGS.detector,
      ...FRESH_WEIGHTS_FLAG,
      ...JSON_FLAG,
      evaluate: {
        type: 'boolean',
        default: false,
        describe: 'area under the accuracy while regions and words are removed in the order of the explanations',
        group: MANY,
      },
      heads: {
        type: 'boolean',
        default: false,
        describe: 'accuracy of the most attended region for phrases, by layer and head (flickr, grounding)',
        group: MANY,
      },
      ...flagsOf(EXPLANATION_EVALUATION_OPTIONS, MANY),
      ...exampleFlags(task, requiredMark),
      ...BACKEND_FLAGS,
    },
    examples: [
      [
        '$0 explain --run runs/vqa --question "What color is the bus?" --features val_36.tsv --image 42 --picture 42.jpg --output why.html',
        '',
        'vqa',
      ],
      [
        '$0 explain --run runs/nlvr2 --statement "Both are dogs." --features dev/ --image a-img0 a-img1 --method leave-out --json',
        '',
        'nlvr2',
      ],
      ['$0 explain --run runs/vqa --evaluate --limit 2000', 'evaluate the explanations', null],
      [
        '$0 explain flickr --model runs/flickr --heads --entities flickr30k_entities --split test.txt --features features/',
        '',
        'flickr',
      ],
    ],
  }),
  async (flags) => {
    const isOfMany = flags.evaluate || flags.heads;
    if (flags.evaluate && flags.heads)
      throw new Error('--evaluate, --heads: expected one of them, received both; leave out one');
    if (isOfMany) refuseUnused(flags, OF_ONE, 'many examples (--evaluate, --heads); leave it out');
    else {
      const remedy = 'give --evaluate or --heads, or leave it out';
      refuseUnused(flags, OF_MANY, `one question; ${remedy}`);
      refuseExamples(flags, remedy);
    }
    if (flags.heads) refuseUnused(flags, ['seed'], '--heads, which draws nothing; leave it out');
    if (flags.output === undefined && flags.detector === undefined)
      refuseUnused(flags, ['picture'], 'numbers without a page; add --output FILE or --detector, or leave it out');
    if (flags.output !== undefined && !flags.json)
      refuseUnused(flags, OF_NUMBERS, 'a page, which has all of them; add --json for the numbers, or leave it out');
    await useBackend(flags, 'infer');
    if (isOfMany) return evaluateMany(flags);
    const opened: AnyOneInput = await openInput(flags, { hasPictures: true });
    try {
      await explainOne(opened as OneInput<PipelineName>, flags);
    } finally {
      await opened.close();
    }
  },
);

async function evaluateMany(flags: ExplainArguments): Promise<void> {
  const { task, model, data } = await chosenExamples(flags);
  const { limit, seed, allowFreshWeights } = flags;
  const options = { task, model, data, limit, allowFreshWeights };
  if (flags.heads) {
    const accuracy = await evaluateHeads(options);
    console.log(flags.json ? JSON.stringify(accuracy, null, 2) : headTable(accuracy));
    return;
  }
  const evaluation = await evaluateExplanations({ ...options, seed });
  console.log(flags.json ? JSON.stringify(evaluation, null, 2) : removalTable(evaluation));
}

async function explainOne({ pipeline, input, images }: OneInput<PipelineName>, flags: ExplainArguments): Promise<void> {
  const { json, output, question = '', picture = [] } = flags;
  const options = givenValues({ ...flags }, { method, answer, layer, head, pairs });
  const print = (explanation: Explanation): void =>
    console.log(json ? JSON.stringify({ question, output, ...explanation }, null, 2) : explanationTable(explanation));
  if (output === undefined) return print(await explainInput(pipeline, input, options));
  const page = {
    text: question,
    pictures: await Promise.all(picture.map(loadPictureUrl)),
    names: images,
    pairs: flags.pairs,
  };
  if (!json) {
    await writeExplanationPage(output, await pageDataOf(pipeline, input, page));
    return console.log(output);
  }
  const isOfPage = flags.method !== 'leave-out'; // then --pairs are those of the page
  const both = await explainWithPage(pipeline, input, isOfPage ? { ...options, pairs: undefined } : options, page);
  await writeExplanationPage(output, both.page);
  print(both.explanation);
}
