// visualbert predict: answers to one question about one image. A second on a CPU, most of it loading the model.
import type { Argv, CommandModule } from 'yargs';
import { LOOKS, type PixelFeatureOptions, predictAnswers, readRun } from '../src/node.js';
import { BACKEND_FLAGS, type BackendArguments, useBackend } from './backend-flags.js';

type Look = PixelFeatureOptions['look'];

interface PredictArguments extends BackendArguments {
  run?: string;
  model?: string;
  question: string;
  features: string[];
  image?: string[];
  answers?: string;
  top: number;
  grid?: number;
  cells?: number;
  look?: Look;
  json: boolean;
}

const predict: CommandModule<object, PredictArguments> = {
  command: 'predict',
  describe: 'Answer a question about an image, or judge a statement',
  builder: (yargs: Argv) =>
    yargs
      .options({
        run: { type: 'string', describe: 'run folder' },
        model: { type: 'string', describe: 'folder or hub id, instead of a run' },
        question: {
          type: 'string',
          demandOption: true,
          alias: 'statement',
          describe: 'the question, or the statement',
        },
        features: {
          type: 'string',
          array: true,
          demandOption: true,
          describe: 'region features: a file or folder in any format of docs/data.md',
        },
        image: {
          type: 'string',
          array: true,
          describe: 'id of the image; two for nlvr2; needed when the features hold several',
        },
        answers: {
          type: 'string',
          describe: 'list of answers, for a checkpoint that names none (uclanlp/visualbert-vqa)',
        },
        top: { type: 'number', default: 5, describe: 'how many answers' },
        grid: { type: 'number', describe: "features from pictures: patches along each side; default: the run's" },
        cells: {
          type: 'number',
          describe: "features from pictures: cells along each side of a region; default: the run's",
        },
        look: { choices: LOOKS, describe: "features from pictures: colors or form; default: the run's" },
        json: { type: 'boolean', default: false, describe: 'as JSON' },
        ...BACKEND_FLAGS,
      })
      .example('$0 predict --run runs/vqa --question "What colour is the bus?" --features val_36.tsv --image 42', '')
      .example(
        '$0 predict --model uclanlp/visualbert-vqa --answers answers_vqa.txt --question "Is it raining?" --features features/ --image 42',
        '',
      ) as unknown as Argv<PredictArguments>,
  handler: async (flags) => {
    const model = flags.run ?? flags.model;
    if (model === undefined) throw new Error('Give a run (--run FOLDER) or a model (--model FOLDER or hub id).');
    await useBackend(flags, 'infer');
    const made =
      flags.run === undefined
        ? {}
        : ((await readRun(flags.run)).data as { grid?: number; cells?: number; look?: Look });
    const {
      question,
      features,
      image: images,
      answers,
      top: topK,
      grid = made.grid,
      cells = made.cells,
      look = made.look,
    } = flags;
    const found = await predictAnswers({
      model,
      question,
      features,
      topK,
      ...(images === undefined ? {} : { images }),
      ...(answers === undefined ? {} : { answers }),
      ...(grid === undefined ? {} : { grid }),
      ...(cells === undefined ? {} : { cells }),
      ...(look === undefined ? {} : { look }),
    });
    if (flags.json)
      console.log(
        JSON.stringify({ question, answers: found.map(({ answer, score }) => ({ answer, score })) }, null, 2),
      );
    else for (const { answer, score } of found) console.log(`${(100 * score).toFixed(1).padStart(5)}%  ${answer}`);
  },
};

export const command = predict as CommandModule;
