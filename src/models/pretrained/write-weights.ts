// Writes the weights of a model folder: one file or shards with an index, in either format.
import { createSink, isFolder, joinPath, listFolder, removeFile, writeTextAtomic } from '#platform';
import { writeWhole } from '../../byte-sink.js';
import { DTYPE_BYTES } from '../../stored-dtype.js';
import { writePytorch } from '../../checkpoint/pytorch-writer.js';
import { type TensorToWrite, writeSafetensors } from '../../checkpoint/safetensors.js';
import { ConfigError } from '../../errors.js';
import { jsonText } from '../../platform/json-file.js';
import { sizeOf } from '../../shapes.js';
import { isDetectorFolder } from './detector-type.js';
import type { SavePretrainedOptions } from './types.js';

const FORMATS = {
  safetensors: { stem: 'model', extension: 'safetensors', write: writeSafetensors },
  pytorch: { stem: 'pytorch_model', extension: 'bin', write: writePytorch },
} as const;

/** As in transformers before 5; models of BERT's size are not split. */
const DEFAULT_SHARD_SIZE = '5GB';

/** Names of weights of an earlier save, which could override or mix with the new ones. */
const WEIGHT_FILE =
  /^((model|pytorch_model)(-\d{5}-of-\d{5})?\.(safetensors|bin)(\.index\.json)?|model\.json|group1-shard\d+of\d+\.bin)$/;
/** An ONNX model, with files of parameters as transformers.js numbers them. */
const ONNX_FILE = /^model\.onnx(_data(_\d+)?)?$/;

/**
 * Writes tensors under the names transformers looks for; every file is whole or absent.
 * @returns the names of the files written.
 * @throws ConfigError for an unknown format or size, before anything is written.
 */
export async function writeWeights(
  folder: string,
  tensors: readonly TensorToWrite[],
  { format = 'safetensors', maxShardSize = DEFAULT_SHARD_SIZE }: SavePretrainedOptions,
): Promise<Set<string>> {
  if (!Object.hasOwn(FORMATS, format))
    throw new ConfigError(`savePretrained: expected format safetensors or pytorch, received ${format}`);
  const { stem, extension, write } = FORMATS[format];
  const shards = shardsOf(tensors, byteCount(maxShardSize));
  const fileOf = (shard: number): string =>
    shards.length === 1
      ? `${stem}.${extension}`
      : `${stem}-${fiveDigits(shard + 1)}-of-${fiveDigits(shards.length)}.${extension}`;
  const written = new Set<string>();
  for (const [i, shard] of shards.entries()) {
    await writeWhole(await createSink(joinPath(folder, fileOf(i))), (sink) => write(sink, shard));
    written.add(fileOf(i));
  }
  if (shards.length > 1) {
    const index = `${stem}.${extension}.index.json`;
    await writeTextAtomic(joinPath(folder, index), indexText(shards, fileOf, format));
    written.add(index);
  }
  return written;
}

/** The tensors, with their second names at the end. @param tied second names -> names */
export function withTied(tensors: readonly TensorToWrite[], tied: ReadonlyMap<string, string>): TensorToWrite[] {
  const targets = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const shared = [...tied].flatMap(([second, name]): TensorToWrite[] => {
    const target = targets.get(name);
    return target === undefined ? [] : [{ ...target, name: second, tiedTo: name }];
  });
  return [...tensors, ...shared];
}

/** Removes the weights of an earlier save from a folder, and an ONNX model, which was made of them. */
export async function removeOldWeights(folder: string, written: ReadonlySet<string>): Promise<void> {
  for (const file of await listFolder(folder)) {
    if ((WEIGHT_FILE.test(file) || ONNX_FILE.test(file)) && !written.has(file))
      await removeFile(joinPath(folder, file));
  }
}

/** What a conversion writes: the name of a folder for it, and the files of a model that it must not replace. */
const CONVERTED = {
  'a model': { name: 'model', replaces: null },
  'an ONNX model': { name: 'onnx', replaces: WEIGHT_FILE },
  'a detector': { name: 'detector', replaces: /^(model\.safetensors|config\.json)$/ },
} as const;

/**
 * Requires a folder in which a conversion replaces nothing of another kind: a model and a detector keep away from each other, and an ONNX model
 * from weights, whose config.json and processor it would replace.
 * @throws ConfigError
 */
export async function requireFolderFor(what: keyof typeof CONVERTED, caller: string, folder: string): Promise<void> {
  const { name, replaces } = CONVERTED[what];
  if (!(await isFolder(folder))) return;
  const isDetector = await isDetectorFolder(folder);
  if (isDetector && what === 'a detector') return;
  const found = isDetector ? 'a detector' : (await listFolder(folder)).find((file) => replaces?.test(file));
  if (found === undefined) return;
  throw new ConfigError(
    `${caller}: expected a folder without another model, whose weights or config.json ${what} would replace; received ${folder}, ` +
      `which holds ${found}; name another folder, such as ${joinPath(folder, name)}`,
  );
}

/** Splits in order; a tied tensor stays with the one that it is tied to. */
function shardsOf(tensors: readonly TensorToWrite[], limit: number): TensorToWrite[][] {
  const shards: TensorToWrite[][] = [];
  let freeBytes = 0;
  for (const tensor of tensors.filter(({ tiedTo }) => tiedTo === undefined)) {
    const bytes = bytesOf(tensor);
    if (bytes > freeBytes || shards.length === 0) {
      shards.push([]);
      freeBytes = limit;
    }
    shards.at(-1)?.push(tensor, ...tensors.filter(({ tiedTo }) => tiedTo === tensor.name));
    freeBytes -= bytes;
  }
  return shards.length === 0 ? [[]] : shards;
}

function indexText(
  shards: readonly TensorToWrite[][],
  fileOf: (shard: number) => string,
  format: 'safetensors' | 'pytorch',
): string {
  const map: Record<string, string> = {};
  let total = 0;
  shards.forEach((tensors, i) => {
    for (const tensor of tensors) {
      if (tensor.tiedTo !== undefined && format === 'safetensors') continue;
      map[tensor.name] = fileOf(i);
      if (tensor.tiedTo === undefined) total += bytesOf(tensor);
    }
  });
  return jsonText({ metadata: { total_size: total }, weight_map: map });
}

function bytesOf({ dtype, shape }: TensorToWrite): number {
  return sizeOf(shape) * DTYPE_BYTES[dtype];
}

function fiveDigits(value: number): string {
  return String(value).padStart(5, '0');
}

/** `5GB`, `200MiB` or a number, in bytes. @throws ConfigError */
export function byteCount(size: number | string): number {
  const units: Record<string, number> = { '': 1, KB: 1e3, MB: 1e6, GB: 1e9, KIB: 2 ** 10, MIB: 2 ** 20, GIB: 2 ** 30 };
  const parsed = /^\s*(\d+(?:\.\d+)?)\s*([KMG]I?B)?\s*$/i.exec(String(size));
  const bytes = Number(parsed?.[1]) * (units[(parsed?.[2] ?? '').toUpperCase()] ?? NaN);
  if (!(bytes > 0))
    throw new ConfigError(`savePretrained: expected maxShardSize in bytes or as 5GB or 500MiB, received ${size}`);
  return bytes;
}
