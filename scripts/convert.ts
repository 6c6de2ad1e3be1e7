// visualbert convert: converts a checkpoint of VisualBERT or BERT to a folder that transformers and this package load; also converts region detectors.
import { JSON_FLAG } from './flags/results.js';
import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
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

const ARCHITECTURES = [
  'VisualBertModel',
  'VisualBertForPreTraining',
  'VisualBertForQuestionAnswering',
  'VisualBertForMultipleChoice',
  'VisualBertForVisualReasoning',
  'VisualBertForRegionToPhraseAlignment',
] as const;

interface ConvertArguments {
  checkpoint: string;
  outDir: string;
  architecture: (typeof ARCHITECTURES)[number] | undefined;
  config: string | undefined;
  base: string | undefined;
  format: 'safetensors' | 'pytorch' | 'tfjs' | 'onnx';
  quantization: 'float16' | 'uint8' | undefined;
  dtype: 'float32' | 'float16' | 'bfloat16' | undefined;
  'max-shard-size': string | undefined;
  'allow-incomplete': boolean;
  detector: DetectorName | undefined;
  json: boolean;
}

export const command: CommandModule<object, ConvertArguments> = {
  command: 'convert <checkpoint> <outDir>',
  describe:
    "Convert a checkpoint (transformers, uclanlp's .th, MMF, plain BERT or RoBERTa) or a region detector to a folder",
  builder: (yargs: Argv) =>
    yargs
      .positional('checkpoint', {
        type: 'string',
        demandOption: true,
        describe: 'file, folder, address or repository id',
      })
      .positional('outDir', { type: 'string', demandOption: true, describe: 'folder to write' })
      .option('architecture', {
        choices: ARCHITECTURES,
        describe: 'the class to convert to',
        defaultDescription: 'inferred from its heads',
      })
      .option('config', {
        type: 'string',
        describe: 'folder or repository whose config.json to use',
        defaultDescription: 'next to the checkpoint, else inferred from its shapes',
      })
      .option('base', {
        type: 'string',
        describe: 'for a LoRA adapter: folder, file or repository of the model it was trained on',
      })
      .option('format', {
        choices: ['safetensors', 'pytorch', 'tfjs', 'onnx'] as const,
        default: 'safetensors' as const,
        describe: 'format of the weights; tfjs is for the web, onnx for onnxruntime (model.onnx, with the graph)',
      })
      .option('dtype', {
        choices: ['float32', 'float16', 'bfloat16'] as const,
        describe: 'dtype to store',
        defaultDescription: 'as in the source',
      })
      .option('quantization', { choices: ['float16', 'uint8'] as const, describe: 'make the format tfjs smaller' })
      .option('max-shard-size', {
        type: 'string',
        describe: 'largest file, such as 500MB',
        defaultDescription: '5GB; 4MiB for tfjs; 2GiB for onnx',
      })
      .option('allow-incomplete', {
        type: 'boolean',
        default: false,
        describe: 'convert even if some keys match no parameter or some parameters have no source',
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
      .example('$0 convert bert-base-uncased start --architecture VisualBertForPreTraining', 'start from a plain BERT'),
  handler: async ({
    checkpoint,
    json,
    config,
    base,
    architecture,
    dtype,
    ...rest
  }: ArgumentsCamelCase<ConvertArguments>) => {
    const { outDir, format, quantization, maxShardSize, allowIncomplete, detector } = rest;
    if (detector !== undefined) {
      if (format !== 'safetensors' || allowIncomplete) {
        throw new ConfigError(
          'convert: detectors are only written as complete safetensors; leave out --format and --allow-incomplete',
        );
      }
      const report = await convertDetector(checkpoint, { outDir, detector });
      console.log(json ? JSON.stringify(report, null, 2) : detectorText(report, outDir));
      return;
    }
    const options: ConvertOptions = {
      outDir,
      format,
      allowIncomplete,
      ...(maxShardSize !== undefined && { maxShardSize }),
      ...(quantization !== undefined && { quantization }),
      ...(architecture !== undefined && { architecture }),
      ...(base !== undefined && { base }),
      ...(dtype !== undefined && { dtype }),
      ...(config !== undefined && { config: await VisualBertConfig.fromPretrained(config) }),
    };
    const report = await convertCheckpoint(checkpoint, options);
    console.log(json ? JSON.stringify(report, null, 2) : text(report, outDir));
  },
};

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
