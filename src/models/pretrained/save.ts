// Saves a model in transformers' layout: config.json, and weights in safetensors or PyTorch's format, in shards above a size.
import { joinPath, makeFolder, writeTextAtomic } from '#platform';
import { fromFloat32 } from '../../stored-dtype.js';
import type { TensorToWrite } from '../../checkpoint/safetensors.js';
import { ConfigError } from '../../errors.js';
import type { SavableModel, SavePretrainedOptions } from './types.js';
import { jsonText } from '../../platform/json-file.js';
import { removeOldWeights, withTied, writeWeights } from './write-weights.js';
import { requireKinds, requirePath } from '../../options.js';

const STORED = { float32: 'F32', float16: 'F16', bfloat16: 'BF16' } as const;

/**
 * Writes a model into a folder. Every file is whole or absent; weights of an earlier save are removed after the new ones are complete.
 * @throws ConfigError for an unknown format, dtype or size.
 */
export async function savePretrained(
  model: SavableModel,
  folder: string,
  options: SavePretrainedOptions = {},
): Promise<void> {
  requireKinds('savePretrained', { 'an object': { options } });
  const { format, dtype = 'float32', maxShardSize } = options;
  if (!Object.hasOwn(STORED, dtype))
    throw new ConfigError(`savePretrained: expected dtype float32, float16 or bfloat16, received ${dtype}`);
  requirePath('savePretrained', folder, 'the path of a folder to write');
  const config = model.config.toJSON();
  delete config['torch_dtype']; // the older name of `dtype`
  await makeFolder(folder);
  const configText = jsonText({ ...config, architectures: [model.className], dtype });
  const written = await writeWeights(folder, tensorsOf(model, dtype), { format, maxShardSize });
  await writeTextAtomic(joinPath(folder, 'config.json'), configText);
  await removeOldWeights(folder, written);
}

function tensorsOf({ shapes, tiedWeights, read }: SavableModel, dtype: keyof typeof STORED): TensorToWrite[] {
  const stored = STORED[dtype];
  const tensors = [...shapes].map(([name, shape]): TensorToWrite => {
    return { name, dtype: stored, shape, bytes: async () => fromFloat32(stored, await read(name)) };
  });
  return withTied(tensors, tiedWeights);
}
