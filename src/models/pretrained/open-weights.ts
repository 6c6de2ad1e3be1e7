// Opens the weights of a pretrained model: under transformers' names, in its order of preference, whole or in shards, or an adapter on its base.
import { fileName, type HubOptions, isFolder, openSource, readText } from '#platform';
import { openTensorFile } from '../../checkpoint/open.js';
import { openSharded } from '../../checkpoint/sharded.js';
import { openTfjs } from '../../checkpoint/tfjs-reader.js';
import type { TensorFile } from '../../checkpoint/tensor-file.js';
import { adapterError } from '../../config/adapter.js';
import { CheckpointError, DataError } from '../../errors.js';
import { locatePretrained, type PretrainedFiles, type PretrainedSource } from '../../platform/locate.js';
import { ADAPTER_WEIGHTS, mergeLora, readLoraConfig } from './lora.js';
import { withScales } from './quantised.js';

/** safetensors are preferred to PyTorch's format, as in transformers; tfjs's format for the web is last. */
export const WEIGHT_FILES = [
  'model.safetensors',
  'model.safetensors.index.json',
  'pytorch_model.bin',
  'pytorch_model.bin.index.json',
  'model.json',
] as const;

/** Opens one checkpoint file by path or address. @throws CheckpointError, also for a folder or device of that name */
export async function openTensorPath(path: string): Promise<TensorFile> {
  const source = await openSource(path).catch((error: unknown) => {
    if (error instanceof DataError) throw new CheckpointError(error.message, { cause: error });
    throw error;
  });
  return openTensorFile(source);
}

/** Opens the weights of a model; the caller closes them. @throws CheckpointError when there are none, or they are damaged. */
export async function openWeights(files: PretrainedFiles): Promise<TensorFile> {
  const path = files.weights ?? (await firstOf(files, WEIGHT_FILES));
  if (path === null || isAdapter(path)) {
    throw (
      (await adapterError(files)) ??
      new CheckpointError(`${files.name}: no weights found; expected one of ${WEIGHT_FILES.join(', ')}`)
    );
  }
  const file = await openWeightsFile(path, files);
  return withScales(file).catch(async (error: unknown) => {
    await file.close();
    throw error;
  });
}

/** A pretrained model, or a LoRA adapter with the base that it is merged onto. */
export interface LocatedModel {
  files: PretrainedFiles;
  /** Opens the weights; the caller closes them. */
  open(): Promise<TensorFile>;
  notes: string[];
}

/** Finds a model's files. With `base`, `where` is an adapter: its own config.json overrides that of the base. */
export async function locateModel(
  where: PretrainedSource,
  options: HubOptions & { base?: string },
): Promise<LocatedModel> {
  const { base, ...hub } = options;
  const files = await locatePretrained(where, hub);
  if (base === undefined) return { files, open: () => openWeights(files), notes: await unmergedNote(files) };
  const lora = await readLoraConfig(files);
  const shared = { ...hub, revision: undefined, subfolder: undefined }; // those two belong to the adapter
  const baseFiles = await locatePretrained(base, shared);
  return {
    files: { ...files, find: async (name) => (await files.find(name)) ?? baseFiles.find(name) },
    open: async () => {
      const path = await firstOf(files, ADAPTER_WEIGHTS);
      if (path === null)
        throw new CheckpointError(`${files.name}: no weights found; expected ${ADAPTER_WEIGHTS.join(' or ')}`);
      const adapter = await openTensorPath(path);
      const opened = [adapter];
      try {
        opened.push(await openWeights(baseFiles));
        return mergeLora(opened[1] as TensorFile, adapter, lora);
      } catch (error) {
        for (const file of opened) await file.close();
        throw error;
      }
    },
    notes: [`the LoRA adapter ${files.name} was merged onto ${baseFiles.name}`],
  };
}

/** PEFT may save an adapter next to the whole model, and transformers would apply it. */
async function unmergedNote(files: PretrainedFiles): Promise<string[]> {
  if (!(await isFolder(files.name)) || (await files.find('adapter_config.json')) === null) return [];
  return [
    `${files.name} holds a PEFT adapter next to the model, which was not merged; to merge it, pass the folder as base too`,
  ];
}

function isAdapter(path: string): boolean {
  return (ADAPTER_WEIGHTS as readonly string[]).includes(fileName(path));
}

async function firstOf(files: PretrainedFiles, names: readonly string[]): Promise<string | null> {
  for (const name of names) {
    const path = await files.find(name);
    if (path !== null) return path;
  }
  return null;
}

async function openWeightsFile(path: string, files: PretrainedFiles): Promise<TensorFile> {
  if (path.endsWith('.index.json')) return openIndex(path, files);
  if (!path.endsWith('.json')) return openTensorPath(path);
  return openTfjs(await readText(path), path, async (file) => openSource(await requireBeside(path, file, files)));
}

async function openIndex(path: string, files: PretrainedFiles): Promise<TensorFile> {
  return openSharded(await readText(path), path, async (file) =>
    openTensorPath(await requireBeside(path, file, files)),
  );
}

async function requireBeside(path: string, file: string, files: PretrainedFiles): Promise<string> {
  const found = await files.find(file);
  if (found === null)
    throw new CheckpointError(`${path}: names ${file}, which is not in its folder; get the missing file`);
  return found;
}
