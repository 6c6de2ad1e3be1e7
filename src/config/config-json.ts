// The config.json beside the weights of a pretrained model.
import { VisualBertConfig } from './config.js';
import { CheckpointError, ConfigError } from '../errors.js';
import type { PretrainedFiles } from '../platform/locate.js';
import { readJsonObject } from './json-file.js';
import { adapterError } from '../models/pretrained/lora.js';
import { quantisationNote } from '../models/pretrained/quantised.js';

/** The content of config.json without its quantisation: parameters are floats once they are read. */
export interface ConfigJson {
  json: Record<string, unknown>;
  notes: string[];
}

/** Reads config.json; null where there is none. @throws CheckpointError for a malformed one, or for quantisation that is not supported. */
export async function readConfigJson(files: PretrainedFiles): Promise<ConfigJson | null> {
  const found = await readJsonObject(files, 'config.json');
  if (found === null) return null;
  const { quantization_config: quantization, ...json } = found;
  const note = quantisationNote(`${files.name}/config.json`, quantization);
  return { json, notes: note === null ? [] : [note] };
}

/** The configuration beside the weights. @throws CheckpointError when there is none, or of another kind of model; ConfigError naming the file */
export async function loadConfig(files: PretrainedFiles): Promise<{ config: VisualBertConfig; notes: string[] }> {
  const found = await readConfigJson(files);
  if (found === null) {
    throw (
      (await adapterError(files)) ??
      new CheckpointError(
        `${files.name}: has no config.json; pass { config }, or convert the checkpoint with \`visualbert convert\``,
      )
    );
  }
  const { model_type: type } = found.json;
  if (type !== undefined && type !== 'visual_bert') {
    throw new CheckpointError(
      `${files.name}/config.json: describes a model of type "${String(type).slice(0, 40)}", expected visual_bert; ` +
        '`visualbert convert` makes a VisualBERT of a plain BERT or RoBERTa',
    );
  }
  try {
    return { config: VisualBertConfig.fromJSON(found.json), notes: found.notes };
  } catch (error) {
    throw error instanceof ConfigError ? new ConfigError(`${files.name}/config.json: ${error.message}`) : error;
  }
}
