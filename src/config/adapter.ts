// The error for a folder that holds a PEFT adapter instead of a model.
import { CheckpointError } from '../errors.js';
import type { PretrainedFiles } from '../platform/locate.js';
import { readJsonObject } from '../platform/json-file.js';

/** The settings of an adapter, as PEFT names the file. */
export const ADAPTER_CONFIG = 'adapter_config.json';

/** The error for a folder that holds an adapter; null for other folders. */
export async function adapterError(files: PretrainedFiles): Promise<CheckpointError | null> {
  const json = await readJsonObject(files, ADAPTER_CONFIG);
  if (json === null) return null;
  const { peft_type: type, base_model_name_or_path: base } = json;
  const trainedOn = typeof base === 'string' ? ` trained on ${base.slice(0, 200)}` : '';
  return new CheckpointError(
    `${files.name}: a PEFT adapter (${String(type).slice(0, 40)})${trainedOn}, not a model: it holds changes to one. ` +
      'Give the model it was trained on as { base } (--base of `visualbert convert`), or merge it in Python (merge_and_unload())',
  );
}
