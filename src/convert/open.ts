// Opens the checkpoint that a path names, also folders that hold one file of any name, as training programs write them.
import { isFolder, listFolder } from '#platform';
import type { TensorFile } from '../checkpoint/tensor-file.js';
import { CheckpointError } from '../errors.js';
import { locateModel, openWeights, WEIGHT_FILES } from '../models/pretrained/open-weights.js';
import type { PretrainedFiles } from '../platform/locate.js';

const CHECKPOINT_FILE = /\.(safetensors|bin|pt|pth|th|ckpt)$/;

/** An open checkpoint; the caller closes `file`. */
export interface OpenedCheckpoint {
  file: TensorFile;
  /** The files next to the weights. */
  files: PretrainedFiles;
  notes: string[];
}

/**
 * Opens the weights that `where` names.
 * @param base the model that `where`, a LoRA adapter, was trained on. @throws CheckpointError
 */
export async function openCheckpoint(where: string, base?: string): Promise<OpenedCheckpoint> {
  const { files, notes, open } = await locateModel(where, base === undefined ? {} : { base });
  if (base === undefined && (await isFolder(where))) {
    const names = await listFolder(where);
    const own = names.filter((name) => CHECKPOINT_FILE.test(name));
    if (own.length > 0 && !WEIGHT_FILES.some((name) => names.includes(name))) {
      const [only, ...more] = own;
      const weights = only === undefined ? null : await files.find(only);
      if (more.length > 0)
        throw new CheckpointError(`${where}: holds several checkpoints (${own.join(', ')}); name one of them`);
      return { file: await openWeights({ ...files, weights }), files, notes };
    }
  }
  return { file: await open(), files, notes };
}
