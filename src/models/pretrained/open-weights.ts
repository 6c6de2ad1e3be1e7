// Opens the weights of a pretrained model: the names transformers gives them, in its order, whole or in shards.
import { openSource, readText } from '#platform';
import { openTensorFile } from '../../checkpoint/open.js';
import { openSharded } from '../../checkpoint/sharded.js';
import { openTfjs } from '../../checkpoint/tfjs-format.js';
import type { TensorFile } from '../../checkpoint/tensor-file.js';
import { CheckpointError, DataError } from '../../errors.js';
import type { PretrainedFiles } from '../../platform/locate.js';

/** safetensors win over PyTorch's own format, as in transformers; tfjs's format for the web comes last. */
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
  if (files.weights !== null) return openWeightsFile(files.weights, files);
  for (const file of WEIGHT_FILES) {
    const path = await files.find(file);
    if (path !== null) return openWeightsFile(path, files);
  }
  throw new CheckpointError(`${files.name}: no weights found; expected one of ${WEIGHT_FILES.join(', ')}`);
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
  if (found === null) throw new CheckpointError(`${path}: names ${file}, which is not beside it; get the missing file`);
  return found;
}
