// visualbert convert: converts a checkpoint of VisualBERT or BERT to a folder that transformers and this package load; also converts region detectors.
import { CONVERT_OPTIONS } from './flags/internal.js';
import { CHECKPOINT_ARGUMENT } from './flags/checkpoint.js';
import { JSON_FLAG } from './flags/results.js';
import { flagsOf, givenValues } from './flags/settings.js';
import type { Argv, CommandModule } from 'yargs';
import {
  ConfigError,
  type ConversionReport,
  convertCheckpoint,
  convertDetector,
  counted,
  type ConvertOptions,
  DETECTOR_NAMES,
  type DetectorConversion,
  type DetectorName,
  VisualBertConfig,
} from '../src/node.js';

interface ConvertArguments extends Pick<ConvertOptions, keyof typeof CONVERT_OPTIONS> {
  checkpoint: string;
  outDir: string;
  config?: string;
  detector?: DetectorName;
  json: boolean;
}

const convert: CommandModule<object, ConvertArguments> = {
  command: 'convert <checkpoint> <outDir>',
  describe:
    "Convert a checkpoint (transformers, uclanlp's .th, MMF, plain BERT or RoBERTa) or a region detector to a folder",
  builder: (yargs: Argv) =>
    yargs
      .positional('checkpoint', CHECKPOINT_ARGUMENT)
      .positional('outDir', { type: 'string', demandOption: true, describe: 'folder to write' })
      .options(flagsOf(CONVERT_OPTIONS))
      .option('config', {
        type: 'string',
        describe: 'folder or repository whose config.json to use',
        defaultDescription: 'next to the checkpoint, else inferred from its shapes',
      })
      .option('detector', {
        choices: DETECTOR_NAMES,
        describe: 'the checkpoint is this region detector (.bin, .pth, .pkl)',
      })
      .conflicts('detector', ['architecture', 'config', 'base', 'dtype', 'quantization', 'max-shard-size'])
      .options(JSON_FLAG)
      .example('$0 convert vqa.th visualbert-vqa', "the authors' checkpoint")
      .example('$0 convert runs/vqa onnx --format onnx', 'a trained model for onnxruntime')
      .example('$0 convert model_final.pkl detector --detector coco-r101-fpn', 'a region detector')
      .example(
        '$0 convert bert-base-uncased start --architecture VisualBertForPreTraining',
        'start from a plain BERT',
      ) as unknown as Argv<ConvertArguments>,
  handler: async (flags) => {
    const { checkpoint, outDir, config, detector, format, json } = flags;
    const options = givenValues({ ...flags }, CONVERT_OPTIONS);
    if (detector !== undefined) {
      if ((format !== undefined && format !== 'safetensors') || flags.allowIncomplete === true) {
        throw new ConfigError(
          'convert: detectors are only written as complete safetensors; leave out --format and --allow-incomplete',
        );
      }
      const report = await convertDetector(checkpoint, { outDir, detector });
      console.log(json ? JSON.stringify(report, null, 2) : detectorText(report, outDir));
      return;
    }
    const named = config === undefined ? {} : { config: await VisualBertConfig.fromPretrained(config) };
    const report = await convertCheckpoint(checkpoint, { outDir, ...options, ...named });
    console.log(json ? JSON.stringify(report, null, 2) : text(report, outDir));
  },
};

export const command = convert as CommandModule;

function text(
  { source, layout, architecture, converted, skipped, aside, missing, wrappers, notes, files }: ConversionReport,
  outDir: string,
): string {
  return [
    `${source} (names of ${layout}) -> ${outDir} as ${architecture}: ${counted(converted.length, 'parameter')}`,
    ...wrappers.map((wrapper) => `  removed from the keys: ${wrapper}`),
    ...skipped.map(({ key, reason }) => `  left out ${key}: ${reason}`),
    ...[...new Set(aside.map(({ file }) => file))].map(
      (file) =>
        `  stored separately in ${file}: ${counted(aside.filter((item) => item.file === file).length, 'tensor')}`,
    ),
    ...missing.map((name) => `  initialized randomly on loading: ${name}`),
    ...notes.map((note) => `  note: ${note}`),
    `wrote ${files.join(', ')}`,
  ].join('\n');
}

function detectorText({ source, layout, converted, skipped, files }: DetectorConversion, outDir: string): string {
  return [
    `${source} (names of ${layout}) -> ${outDir}: ${counted(converted.length, 'layer')}`,
    ...skipped.map(({ key, reason }) => `  left out ${key}: ${reason}`),
    `wrote ${files.join(', ')}`,
  ].join('\n');
}
