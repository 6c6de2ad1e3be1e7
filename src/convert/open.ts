// Opens whatever checkpoint a path names: also folders that hold one file under a name of its own, as training programs leave them.
import { isFolder, listFolder } from '#platform';
import type { TensorFile } from '../checkpoint/tensor-file.js';
import { CheckpointError } from '../errors.js';
import { locatePretrained, type PretrainedFiles } from '../platform/locate.js';
import { openWeights, WEIGHT_FILES } from '../models/pretrained/open-weights.js';

const CHECKPOINT_FILE = /\.(safetensors|bin|pt|pth|th|ckpt)$/;

/** The weights that `where` names and the files beside them. The caller closes the weights. @throws CheckpointError */
export async function openCheckpoint(where: string): Promise<{ file: TensorFile; files: PretrainedFiles }> {
  const files = await locatePretrained(where);
  if (await isFolder(where)) {
    const names = await listFolder(where);
    const own = names.filter((name) => CHECKPOINT_FILE.test(name));
    if (own.length > 0 && !WEIGHT_FILES.some((name) => names.includes(name))) {
      const [only, ...more] = own;
      const weights = only === undefined ? null : await files.find(only);
      if (more.length > 0)
        throw new CheckpointError(`${where}: holds several checkpoints (${own.join(', ')}); name one of them`);
      return { file: await openWeights({ ...files, weights }), files };
    }
  }
  return { file: await openWeights(files), files };
}
