// `visualbert features`: inspects region features and converts them to other formats, at the speed of the disk.
import { readdirSync, statSync } from 'node:fs';
import { extname } from 'node:path';
import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import {
  counted,
  inspectFeatures,
  openRegionFeatures,
  packFeatures,
  writeNpyFolder,
  writeTsvFeatures,
  writeVcrFeatures,
} from '../src/node.js';
import { createCountBar } from './results/count-bar.js';
import { BACKEND_FLAGS, type BackendArguments, useBackend } from './flags/backend.js';
import { refuseUnused } from './flags/checks.js';
import { command as draw } from './features/draw.js';
import { command as extract } from './features/extract.js';
import { JSON_FLAG, outputFlag, RESUMED_OUTPUT_FLAG } from './flags/results.js';
import { flagsOf } from './flags/settings.js';
import { shardFlag, shardOf } from './flags/shard.js';
import { HALF_FLAG } from './flags/stores.js';
import { defined, detectorText, PICTURE_FEATURE_OPTIONS, type PictureFeatureOptions } from './flags/internal.js';

interface FeatureArguments extends Partial<PictureFeatureOptions> {
  features: string[];
}

interface InspectArguments extends FeatureArguments {
  all: boolean;
  json: boolean;
}

interface PackArguments extends FeatureArguments {
  output: string;
  half: boolean;
  shard?: string;
  json: boolean;
}

interface ConvertArguments extends FeatureArguments {
  output: string;
  to?: 'npy' | 'tsv';
  json: boolean;
}

interface VcrArguments extends BackendArguments {
  data: string[];
  images: string;
  detector: string;
  output: string;
  half: boolean;
  json: boolean;
}

const withFeatures = (yargs: Argv): Argv =>
  yargs
    .positional('features', {
      type: 'string',
      array: true,
      demandOption: true,
      describe:
        'a .tsv, .vbf, .safetensors, .pt, .arrow, LMDB or HDF5 file, or a folder of .npy, .npz, .pt, .arrow or .png files; several are joined',
    })
    .options(flagsOf(PICTURE_FEATURE_OPTIONS));

/** Opens the features. @throws Error for flags of pictures that were given beside files and folders of features */
async function open(flags: FeatureArguments): ReturnType<typeof openRegionFeatures> {
  const { features, grid, cells, look } = flags;
  const options = defined({ grid, cells, look });
  if (Object.keys(options).length > 0 && features.every(hasNoPictures))
    refuseUnused(flags, Object.keys(options), 'features; give a folder of pictures, or leave it out');
  return openRegionFeatures(features, options);
}

/** Whether a path is a file, or a folder without pictures. */
function hasNoPictures(path: string): boolean {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats?.isDirectory() !== true) return stats !== undefined;
  return !readdirSync(path, { encoding: 'utf8', recursive: true }).some((name) => name.endsWith('.png'));
}

async function inspect(flags: ArgumentsCamelCase<InspectArguments>): Promise<void> {
  const source = await open(flags);
  const report = await inspectFeatures(source, flags.all ? Infinity : 100).finally(() => source.close());
  process.exitCode = report.problems.length === 0 ? 0 : 1;
  if (flags.json) return console.log(JSON.stringify(report, null, 2));
  const { name, images, dim, regions, withBoxes, detector, read, problems } = report;
  const lines = [
    name,
    `${counted(images, 'image')}, feature width ${dim}${detector === null ? '' : `, regions of ${detectorText(detector)}`}`,
    `${read} read: ${regions.min} to ${regions.max} regions, ${regions.mean.toFixed(1)} on average; boxes in ${withBoxes}`,
    ...problems,
    ...(problems.length === 0 ? [] : [counted(problems.length, 'problem')]),
  ];
  console.log(lines.join('\n'));
}

async function pack(flags: ArgumentsCamelCase<PackArguments>): Promise<void> {
  const shard = shardOf(flags.shard);
  const source = await open(flags);
  const bar = createCountBar('images');
  try {
    await packFeatures(source, flags.output, { half: flags.half, shard, onImage: bar.update });
  } finally {
    bar.stop();
    await source.close();
  }
  printWritten('packed into', flags);
}

async function vcr({
  data,
  images,
  detector,
  output,
  half,
  ...flags
}: ArgumentsCamelCase<VcrArguments>): Promise<void> {
  await useBackend(flags, 'infer');
  const bar = createCountBar('images');
  try {
    await writeVcrFeatures({ data, images, detector, output, half, onImage: bar.update });
  } finally {
    bar.stop();
  }
  printWritten('written to', { output, json: flags.json });
}

async function convert(flags: ArgumentsCamelCase<ConvertArguments>): Promise<void> {
  const to = flags.to ?? formatOf(flags.output);
  const source = await open(flags);
  await (to === 'npy' ? writeNpyFolder : writeTsvFeatures)(source, flags.output).finally(() => source.close());
  printWritten('written to', flags);
}

/** The format that a name is usual for. */
function formatOf(output: string): 'npy' | 'tsv' {
  const ending = extname(output).toLowerCase();
  if (ending === '.tsv') return 'tsv';
  if (ending === '') return 'npy';
  throw new Error(
    `--output ${output}: expected a .tsv file or a folder for .npy files; for another name give the format (--to)`,
  );
}

function printWritten(what: string, { output, json }: { output: string; json: boolean }): void {
  console.log(json ? JSON.stringify({ output }, null, 2) : `${what} ${output}`);
}

export const command: CommandModule = {
  command: 'features',
  describe: 'Extract region features from pictures; inspect, pack, convert and draw them',
  builder: (yargs: Argv) =>
    yargs
      .command(
        'inspect <features..>',
        'Show images, width and regions; read a sample, or all with --all',
        (inner) =>
          withFeatures(inner)
            .options({
              all: { type: 'boolean', default: false, describe: 'read every image and compare checksums' },
              ...JSON_FLAG,
            })
            .example(
              '$0 features inspect train2014_obj36.tsv --all',
              'read and check every image',
            ) as unknown as Argv<InspectArguments>,
        inspect,
      )
      .command(
        'pack <features..>',
        'Write one store (.vbf) with an index and checksums, for fast training',
        (inner) =>
          withFeatures(inner)
            .options({
              output: { ...outputFlag('store to write (.vbf)'), demandOption: true },
              ...{ ...HALF_FLAG, shard: shardFlag('the images'), ...JSON_FLAG },
            })
            .example(
              '$0 features pack train2014_obj36.tsv val2014_obj36.tsv --output coco36.vbf --half',
              '',
            ) as unknown as Argv<PackArguments>,
        pack,
      )
      .command(
        'convert <features..>',
        'Write other formats: a folder of .npy, or a .tsv of bottom-up attention',
        (inner) =>
          withFeatures(inner)
            .options({
              output: { ...outputFlag('folder (npy) or file (tsv) to write'), demandOption: true },
              to: { choices: ['npy', 'tsv'] as const, describe: 'format to write; default: tsv for .tsv, else npy' },
              ...JSON_FLAG,
            })
            .example(
              '$0 features convert coco36.vbf --output folder',
              'a folder of .npy',
            ) as unknown as Argv<ConvertArguments>,
        convert,
      )
      .command(extract)
      .command(draw)
      .command(
        'vcr',
        "Extract VCR's features from its pictures with the network of the authors' checkpoint; resumes when started again",
        (inner) =>
          inner
            .options({
              data: {
                type: 'string',
                array: true,
                demandOption: true,
                describe: 'annotations: train.jsonl, val.jsonl, test.jsonl',
              },
              images: { type: 'string', demandOption: true, describe: 'the folder vcr1images' },
              detector: {
                type: 'string',
                demandOption: true,
                describe: 'detector.safetensors, or the folder that `visualbert convert` made of a VCR checkpoint',
              },
              ...{ ...RESUMED_OUTPUT_FLAG, ...HALF_FLAG, ...JSON_FLAG },
              ...BACKEND_FLAGS,
            })
            .example(
              '$0 features vcr --data train.jsonl val.jsonl --images vcr1images --detector visualbert-vcr --output vcr.vbf',
              '',
            ) as unknown as Argv<VcrArguments>,
        vcr,
      )
      .example('$0 features inspect train2014_obj36.tsv', 'images, width, regions')
      .example('$0 features extract photos --detector mmf-x101 --output photos.vbf', 'extract the regions of pictures')
      .demandCommand(1, 'Expected a subcommand: inspect, pack, convert, extract, draw or vcr.'),
  handler: () => undefined,
};
