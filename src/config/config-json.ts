// The config.json next to the weights of a pretrained model.
import { CheckpointError } from '../errors.js';
import type { PretrainedFiles } from '../platform/locate.js';
import { adapterError } from './adapter.js';
import { readJsonObject } from '../platform/json-file.js';
import { quantisationNote } from './quantisation.js';

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

/**
 * Reads the config.json of a VisualBERT.
 * @throws CheckpointError when there is none, or of another kind of model
 */
export async function requireConfigJson(files: PretrainedFiles): Promise<ConfigJson> {
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
  if (type === undefined || type === 'visual_bert') return found;
  throw new CheckpointError(
    `${files.name}/config.json: describes a model of type "${String(type).slice(0, 40)}", expected visual_bert; ` +
      '`visualbert convert` makes a VisualBERT of a plain BERT or RoBERTa',
  );
}

/** The class that a config.json names first; null where it names none. */
export function namedClass({ architectures }: Readonly<Record<string, unknown>>): string | null {
  const [first] = Array.isArray(architectures) ? (architectures as unknown[]) : [];
  return first === undefined ? null : String(first);
}
