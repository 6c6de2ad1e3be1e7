// visualbert ask: answers a question about a picture. A few seconds on a CPU, mostly for the detector, which the first call downloads.
import { existsSync } from 'node:fs';
import type { Argv, CommandModule } from 'yargs';
import { DEFAULT_ASKED_MODEL, type HubProgress, openQuestion, type OpenedQuestion } from '../src/node.js';
import { createDownloadBar } from './results/count-bar.js';
import { createStatusLine } from './results/status-line.js';
import { checkpointFlags } from './flags/checkpoint.js';
import { BACKEND_FLAGS, type BackendArguments, useBackend } from './flags/backend.js';
import { FRESH_WEIGHTS_FLAG, JSON_FLAG, precisionFlag } from './flags/results.js';
import { answerFields, answerLines, answersOf } from './results/one-answer.js';
import { onePass } from './flags/one-input.js';
import { DETECTOR_DESCRIPTION } from './flags/stores.js';
import {
  type ComputingOptions,
  detectorText,
  isOfGivenBoxes,
  networkText,
  PICTURE_FILE,
  TOP_K,
} from './flags/internal.js';
import { flagsOf } from './flags/settings.js';

interface AskArguments extends BackendArguments, Omit<ComputingOptions, 'batchSize'> {
  picture: string[];
  model?: string;
  run?: string;
  detector?: string;
  answers?: string;
  topK?: number;
  json: boolean;
}

const CHECKPOINT = checkpointFlags('Run:');
const { 'top-k': top } = flagsOf({ topK: TOP_K });
const TOP_FLAG = { 'top-k': { ...top, alias: 'top' } };

const ask: CommandModule<object, AskArguments> = {
  command: 'ask <picture..>',
  describe: 'Answer a question about a picture: finds its regions, with the detector that the model was trained with',
  builder: (yargs: Argv) =>
    yargs
      .usage('$0 ask PICTURE QUESTION\n$0 ask LEFT RIGHT STATEMENT')
      .positional('picture', {
        type: 'string',
        array: true,
        demandOption: true,
        describe: 'the picture (file or address), two for NLVR2, then the question, statement, or text with [MASK]',
      })
      .options({
        ...CHECKPOINT,
        model: { ...CHECKPOINT.model, defaultDescription: DEFAULT_ASKED_MODEL },
        answers: {
          type: 'string',
          describe: 'list of answers, for a model without one',
          defaultDescription: 'downloaded for published models',
          group: 'Run:',
        },
        detector: {
          type: 'string',
          describe: DETECTOR_DESCRIPTION,
          defaultDescription: 'the one that the model was trained with',
          group: 'Run:',
        },
        ...TOP_FLAG,
        ...precisionFlag('Run:'),
        ...FRESH_WEIGHTS_FLAG,
        ...JSON_FLAG,
        ...BACKEND_FLAGS,
      })
      .example('$0 ask photo.jpg "What is the man riding?"', "the authors' VQA model")
      .example('$0 ask photo.jpg "What color is the bus?" --run runs/vqa --detector runs/detector', 'your own')
      .example(
        '$0 ask left.jpg right.jpg "Both are dogs." --model uclanlp/visualbert-nlvr2',
        'a pair',
      ) as unknown as Argv<AskArguments>,
  handler: async ({
    picture: words,
    run,
    model,
    detector,
    answers,
    topK,
    precision,
    allowFreshWeights,
    json,
    ...rest
  }) => {
    const { pictures, question } = picturesAndQuestion(words);
    await useBackend(rest, 'infer');
    const [bar, status] = [createDownloadBar(), createStatusLine()];
    status.show('loading the model and the detector ...');
    const onProgress = (progress: HubProgress): void => {
      status.clear();
      bar.update(progress);
    };
    const opened = await openQuestion({
      ...{ pictures, text: question, model: run ?? model, detector, allowFreshWeights, onProgress },
      ...(answers === undefined ? {} : { answers }),
      ...onePass(precision),
    }).finally(() => {
      bar.stop();
      status.clear();
    });
    try {
      status.show('finding the regions of the picture and answering ...');
      const found = await answersOf(opened.input, topK).finally(status.clear);
      const result = { question, pictures, ...answerFields(found), ...originOf(opened) };
      console.log(
        json ? JSON.stringify(result, null, 2) : [...answerLines(found), distributionLine(opened)].join('\n'),
      );
    } finally {
      await opened.close();
    }
  },
};

export const command = ask as CommandModule;

/** The pictures of a command line, and the question after them. @throws Error for an empty or missing question, and one without quotes */
function picturesAndQuestion(words: readonly string[]): { pictures: string[]; question: string } {
  const [pictures, question] = [words.slice(0, -1), words.at(-1)?.trim() ?? ''];
  if (pictures.length === 0)
    throw new Error('Give a picture and a question: visualbert ask photo.jpg "What is the man riding?"');
  const first = pictures.findIndex((word, i) => i > 0 && isNoPicture(word));
  if (first > 0)
    throw new Error(
      `Put the question in quotes: visualbert ask ${words.slice(0, first).join(' ')} "${words.slice(first).join(' ')}"`,
    );
  if (question === '') throw new Error('Expected a question after the picture, received an empty one.');
  return { pictures, question };
}

/** Whether a word is a part of a question: no file, no address, and not named like a picture. */
function isNoPicture(word: string): boolean {
  return !PICTURE_FILE.test(word) && !word.includes('://') && !word.startsWith('data:') && !existsSync(word);
}

function originOf({ model, detector, trainedWith, isInDistribution }: OpenedQuestion): object {
  return { model, detector, trainedWith, inDistribution: isInDistribution };
}

/** Whether the regions come from the detector that the model was trained with. */
function distributionLine({ model, detector, trainedWith, isInDistribution }: OpenedQuestion): string {
  const used = detectorText(detector);
  if (isInDistribution === true) return `in distribution: yes (${detector.name ?? used})`;
  if (trainedWith === null)
    return `in distribution: unknown (${model} does not name the detector that it was trained with)`;
  const known = isInDistribution === false ? 'no' : 'unknown';
  const trained = `${model} was trained with ${detectorText(trainedWith)}`;
  return isOfGivenBoxes(trainedWith) && known === 'unknown'
    ? `in distribution: ${known} (${trained}; here ${networkText(detector)} finds such boxes)`
    : `in distribution: ${known} (${trained}, these regions are of ${used})`;
}
