// Options of a conversion: their names, checks, defaults and help texts, defined once; the command makes its flags from them.
import { z } from 'zod';
import { WEB_QUANTIZATIONS } from '../checkpoint/tfjs-writer.js';
import { VisualBertConfig } from '../config/config.js';
import { MODEL_CLASSES } from '../models/model-classes.js';
import type { Architecture } from '../models/pretrained/classify.js';
import { expected, oneOf, text, truth } from '../options.js';

/** Names of the classes. */
const ARCHITECTURES = Object.keys(MODEL_CLASSES) as Architecture[];

/** The options by name. */
export const CONVERT_OPTIONS = {
  architecture: oneOf(ARCHITECTURES)
    .optional()
    .describe('the class to convert to; default: inferred from its heads, and from config.json about a classifier'),
  base: text('a folder, file, address or repository id')
    .optional()
    .describe('for a LoRA adapter: folder, file or repository of the model it was trained on'),
  format: oneOf(['safetensors', 'pytorch', 'tfjs', 'onnx'])
    .default('safetensors')
    .describe('format of the weights; tfjs is for the web, onnx for onnxruntime (model.onnx, with the graph)'),
  dtype: oneOf(['float32', 'float16', 'bfloat16'])
    .optional()
    .describe('dtype to store; default: as in the source, bit for bit'),
  quantization: oneOf(WEB_QUANTIZATIONS).optional().describe('make the format tfjs smaller'),
  maxShardSize: z
    .union([text('a size'), z.number()], { error: expected('a number of bytes, or a size such as 500MB') })
    .optional()
    .describe('largest file, such as 500MB; default 5GB, 4MiB for tfjs, 2GiB for onnx'),
  allowIncomplete: truth()
    .default(false)
    .describe('convert even if some keys match no parameter or some parameters have no source; both are listed'),
};

const config = z.instanceof(VisualBertConfig, { error: expected('a VisualBertConfig') });

/** Checks the options of `convertCheckpoint`. */
export const convertSchema = z.strictObject({
  ...CONVERT_OPTIONS,
  outDir: text('the path of a folder to write').describe('folder to write'),
  config: config.optional().describe('default: the config.json next to the checkpoint, else what its shapes say'),
});

/** Options of `convertCheckpoint`. */
export type ConvertOptions = z.input<typeof convertSchema>;
