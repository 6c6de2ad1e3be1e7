// A checkpoint in several files with an index, as transformers writes them, read as one.
import { CheckpointError, notJson } from '../errors.js';
import type { StoredTensor, TensorFile } from './tensor-file.js';

/** Far more shards than any BERT has; bounds what a hostile index can open. */
const MAX_SHARDS = 1000;

/** The files that an index names, each once. @throws CheckpointError for an index without a map, or names that are not plain file names. */
export function shardsOfIndex(indexText: string, indexName: string): Map<string, string> {
  let index: unknown;
  try {
    index = JSON.parse(indexText);
  } catch (error) {
    throw new CheckpointError(`${indexName}: ${notJson(error)}`);
  }
  const map = (index as { weight_map?: unknown } | null)?.weight_map;
  if (typeof map !== 'object' || map === null || Array.isArray(map)) {
    throw new CheckpointError(`${indexName}: expected "weight_map", an object of parameter names and file names`);
  }
  const fileOf = new Map<string, string>();
  for (const [key, shard] of Object.entries(map)) {
    if (typeof shard !== 'string' || !/^[^/\\\0:]+$/.test(shard) || shard === '.' || shard === '..') {
      throw new CheckpointError(
        `${indexName}: "${key}" lies in ${JSON.stringify(shard)?.slice(0, 100)}; expected the name of a file in the same folder`,
      );
    }
    fileOf.set(key, shard);
  }
  if (new Set(fileOf.values()).size > MAX_SHARDS)
    throw new CheckpointError(`${indexName}: names more than ${MAX_SHARDS} files`);
  return fileOf;
}

/**
 * Opens a sharded checkpoint.
 * @param openShard opens one of the files that the index names.
 * @throws CheckpointError when a file lacks a tensor that the index puts there, or two files hold the same one.
 */
export async function openSharded(
  indexText: string,
  indexName: string,
  openShard: (file: string) => Promise<TensorFile>,
): Promise<TensorFile> {
  const fileOf = shardsOfIndex(indexText, indexName);
  const shards = new Map<string, TensorFile>();
  const close = async (): Promise<void> => {
    for (const shard of shards.values()) await shard.close();
  };
  try {
    for (const file of new Set(fileOf.values())) shards.set(file, await openShard(file));
    const { tensors, owners } = join(shards, fileOf, indexName);
    const ownerOf = (name: string): TensorFile => {
      const owner = owners.get(name);
      if (owner === undefined) throw new CheckpointError(`${indexName}: tensor "${name}" is not in its files`);
      return owner;
    };
    return {
      name: indexName,
      format: [...shards.values()][0]?.format ?? 'sharded',
      tensors,
      metadata: Object.assign({}, ...[...shards.values()].map((shard) => shard.metadata)) as Record<string, string>,
      nonTensors: new Map([...shards.values()].flatMap((shard) => [...(shard.nonTensors ?? [])])),
      size: [...shards.values()].reduce((total, shard) => total + shard.size, 0),
      readFloat32: (name, target) => ownerOf(name).readFloat32(name, target),
      floatsInFile: (name) => ownerOf(name).floatsInFile?.(name) ?? null,
      readBytes: (name) => ownerOf(name).readBytes(name),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function join(
  shards: ReadonlyMap<string, TensorFile>,
  fileOf: ReadonlyMap<string, string>,
  indexName: string,
): { tensors: Map<string, StoredTensor>; owners: Map<string, TensorFile> } {
  const tensors = new Map<string, StoredTensor>();
  const owners = new Map<string, TensorFile>();
  for (const [file, shard] of shards) {
    for (const [name, tensor] of shard.tensors) {
      const other = owners.get(name);
      if (other !== undefined)
        throw new CheckpointError(`${indexName}: tensor "${name}" lies in ${other.name} and in ${shard.name}`);
      tensors.set(name, { ...tensor, location: `${file}:${tensor.location}` });
      owners.set(name, shard);
    }
  }
  for (const [name, file] of fileOf) {
    if (owners.get(name) !== shards.get(file)) {
      throw new CheckpointError(
        `${indexName}: ${file} does not hold tensor "${name}"; the files are of different checkpoints`,
      );
    }
  }
  return { tensors, owners };
}
