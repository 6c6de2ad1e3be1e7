// visualbert explain: why a checkpoint answers as it does, as a page or as numbers. Seconds on a CPU; leaving out words with regions takes longest.
import { readFile } from 'node:fs/promises';
import type { Argv, CommandModule } from 'yargs';
import {
  type AnyOneInput,
  EXPLANATION_METHODS,
  type ExplainOptions,
  type Explanation,
  type ExplanationMethod,
  explain as explainInput,
  pageDataOf,
  type PipelineName,
  type OneInput,
  pictureUrl,
  writeExplanationPage,
} from '../src/node.js';
import { BACKEND_FLAGS, type BackendArguments, useBackend } from './backend-flags.js';
import { featureFlags, ONE_INPUT_FLAGS, type OneInputArguments, openInput, percent } from './one-input-flags.js';

interface ExplainArguments extends BackendArguments, OneInputArguments {
  answer?: string;
  method: ExplanationMethod;
  layer?: number;
  head?: number;
  pairs: boolean;
  picture?: string[];
  output?: string;
  json: boolean;
}

const WHAT = 'What is explained:';

const explain: CommandModule<object, ExplainArguments> = {
  command: 'explain',
  describe: 'Show which words and regions an answer comes from, as one HTML page or as numbers',
  builder: (yargs: Argv) =>
    yargs
      .options({
        run: { type: 'string', describe: 'run folder' },
        model: { type: 'string', describe: 'folder or hub id, instead of a run' },
        ...ONE_INPUT_FLAGS,
        phrase: {
          type: 'string',
          array: true,
          describe: 'a phrase of the sentence; the first is explained',
          group: 'One question:',
        },
        answer: { type: 'string', describe: 'the answer to explain; default: the most likely one', group: WHAT },
        method: {
          choices: EXPLANATION_METHODS,
          default: 'relevance' as const,
          describe: 'of numbers; a page has all',
          group: WHAT,
        },
        layer: { type: 'number', describe: 'of attention, from 0; default: the last', group: WHAT },
        head: { type: 'number', describe: 'of attention, from 0; default: the mean of all', group: WHAT },
        pairs: { type: 'boolean', default: false, describe: 'also leave out each word with each region', group: WHAT },
        output: { type: 'string', describe: 'write a page here (.html)', group: 'Result:' },
        picture: {
          type: 'string',
          array: true,
          describe: 'picture file of each image, for the page',
          group: 'Result:',
        },
        json: { type: 'boolean', default: false, describe: 'numbers as JSON', group: 'Result:' },
        ...featureFlags("Features (default: as the run's were made):"),
        ...BACKEND_FLAGS,
      })
      .example(
        '$0 explain --run runs/vqa --question "What color is the bus?" --features val_36.tsv --image 42 --picture 42.jpg --output why.html',
        '',
      )
      .example(
        '$0 explain --run runs/nlvr2 --statement "Both are dogs." --features dev/ --image a-img0 a-img1 --method leave-out --json',
        '',
      ) as unknown as Argv<ExplainArguments>,
  handler: async (flags) => {
    await useBackend(flags, 'infer');
    const opened: AnyOneInput = await openInput(flags);
    try {
      if (flags.output === undefined) await printNumbers(opened as OneInput<PipelineName>, flags);
      else await writePage(opened as OneInput<PipelineName>, flags, flags.output);
    } finally {
      await opened.close();
    }
  },
};

export const command = explain as CommandModule;

async function writePage(opened: OneInput<PipelineName>, flags: ExplainArguments, output: string): Promise<void> {
  const { picture = [], question = '', pairs } = flags;
  const pictures = await Promise.all(picture.map(async (path) => pictureUrl(await readFile(path), path)));
  const data = await pageDataOf(opened.pipeline, opened.input, {
    text: question,
    pictures,
    names: opened.images,
    pairs,
  });
  await writeExplanationPage(output, data);
  console.log(output);
}

async function printNumbers({ pipeline, input }: OneInput<PipelineName>, flags: ExplainArguments): Promise<void> {
  const { answer, method, layer, head, pairs } = flags;
  const given = Object.entries({ answer, layer, head }).filter(([, value]) => value !== undefined);
  const options: ExplainOptions = { method, pairs, ...Object.fromEntries(given) };
  const explanation = await explainInput(pipeline, input, options);
  console.log(
    flags.json ? JSON.stringify({ question: flags.question, ...explanation }, null, 2) : tableOf(explanation),
  );
}

/** Answer, words in their order, regions by falling score. */
function tableOf({ method, answer, words, images }: Explanation): string {
  const regions = images.flatMap(({ regions: found }, image) =>
    found.map(({ score }, region) => ({
      score,
      name: `${images.length > 1 ? `image ${image}, ` : ''}region ${region}`,
    })),
  );
  const line = (score: number, name: string): string => `${score.toPrecision(3).padStart(10)}  ${name}`;
  return [
    `${percent(answer.score)}  ${answer.label}  (${method})`,
    ...words.map(({ score, text }) => line(score, text)),
    ...regions.sort((a, b) => b.score - a.score).map(({ score, name }) => line(score, name)),
  ].join('\n');
}
