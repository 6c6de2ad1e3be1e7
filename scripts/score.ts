// `visualbert score <task>`: computes the metrics of the official evaluation tools for a result file.
//
//   visualbert score vqa result.json --annotations v2_mscoco_val2014_annotations.json    (214,354 answers: about 15 s)
//   visualbert score nlvr2 predictions.csv --data dev.json
//   visualbert score vcr answers.jsonl rationales.jsonl --data val.jsonl --csv leaderboard.csv
//   visualbert score flickr boxes.jsonl --entities flickr30k_entities --split test.txt --features flickr.vbf
import type { Argv, CommandModule } from 'yargs';
import { JSON_FLAG } from './flags/results.js';
import { type ScoreReport, scoreFlickrFile, scoreNlvr2File, scoreVcrFiles, scoreVqaFile } from '../src/node.js';

interface ScoreFlags {
  json: boolean;
}

function print({ scores, text }: ScoreReport, { json }: ScoreFlags): void {
  console.log(json ? JSON.stringify(scores, null, 2) : text.trimEnd());
}

const result = (yargs: Argv<ScoreFlags>, describe: string): Argv<ScoreFlags & { result: string }> =>
  yargs.positional('result', { type: 'string', demandOption: true, describe });

export const command: CommandModule = {
  command: 'score',
  describe: 'Score a result file against annotations, as the official tool does',
  builder: (yargs) =>
    yargs
      .options(JSON_FLAG)
      .command(
        'vqa <result>',
        'VQA accuracy: overall, by question type and by answer type',
        (inner) =>
          result(inner, 'result.json: [{ question_id, answer }]')
            .option('annotations', {
              type: 'string',
              demandOption: true,
              describe: 'official annotations (.json, .gz)',
            })
            .example('$0 score vqa result.json --annotations v2_mscoco_val2014_annotations.json', ''),
        async (flags) => print(await scoreVqaFile(flags.result, flags.annotations), flags),
      )
      .command(
        'nlvr2 <result>',
        'NLVR2 accuracy and consistency',
        (inner) =>
          result(inner, 'predictions: one line identifier,True|False each')
            .option('data', {
              type: 'string',
              demandOption: true,
              describe: 'the labelled statements (dev.json, test1.json)',
            })
            .example('$0 score nlvr2 predictions.csv --data dev.json', ''),
        async (flags) => print(await scoreNlvr2File(flags.result, flags.data), flags),
      )
      .command(
        'vcr <result..>',
        'VCR: Q->A, QA->R and Q->AR; --csv writes the file of the leaderboard',
        (inner) =>
          inner
            .positional('result', {
              type: 'string',
              array: true,
              demandOption: true,
              describe: 'files with predictions of answers and of rationales',
            })
            .options({
              data: { type: 'string', describe: 'the labelled annotations (val.jsonl)' },
              csv: { type: 'string', describe: 'CSV to write: 4 + 16 probabilities per annotation' },
            })
            .example('$0 score vcr answers.jsonl rationales.jsonl --data val.jsonl --csv leaderboard.csv', ''),
        async ({ result: files, data, csv, json }) => {
          if (data === undefined && csv === undefined)
            throw new Error(
              'Give the labelled annotations (--data FILE), or a file for the probabilities (--csv FILE).',
            );
          print(
            await scoreVcrFiles(files, {
              ...(data === undefined ? {} : { data }),
              ...(csv === undefined ? {} : { csv }),
            }),
            { json },
          );
        },
      )
      .command(
        'flickr <result>',
        'Flickr30k Entities: R@1, R@5, R@10 and the upper bound',
        (inner) =>
          result(inner, 'predictions: one line { id, phrase, boxes } per phrase')
            .options({
              entities: { type: 'string', demandOption: true, describe: 'folder with Sentences and Annotations' },
              split: { type: 'string', demandOption: true, describe: 'list of image ids (val.txt, test.txt)' },
              features: { type: 'string', array: true, describe: 'region features, for the upper bound' },
            })
            .example(
              '$0 score flickr boxes.jsonl --entities flickr30k_entities --split test.txt --features flickr.vbf',
              '',
            ),
        async ({ result: file, entities, split, features, json }) =>
          print(await scoreFlickrFile(file, { entities, split, ...(features === undefined ? {} : { features }) }), {
            json,
          }),
      )
      .example('$0 score vqa result.json --annotations v2_mscoco_val2014_annotations.json', 'VQA accuracy')
      .demandCommand(1, 'Expected a task: vqa, nlvr2, vcr or flickr.'),
  handler: () => undefined,
};
