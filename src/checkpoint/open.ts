// Opens a checkpoint file of any known format, recognised by its first bytes, never by its name.
import type { ByteSource } from '../byte-source.js';
import { CheckpointError } from '../errors.js';
import { readTorchStream } from './pytorch-legacy.js';
import { readTorchArchive, stateDictFile, type TorchObject } from './pytorch.js';
import { openSafetensors } from './safetensors.js';
import type { TensorFile } from './tensor-file.js';
import { requireKinds } from '../options.js';

const PEEK_BYTES = 512;

/** Files of other formats: how they begin, and the error text. */
const OTHER_FORMATS: readonly [RegExp, string][] = [
  [
    /^\s*(<!doctype html|<html|<\?xml)/i,
    'a web page, not a checkpoint: the download was answered by a page (login, error or terms); get the file itself',
  ],
  [/^version https:\/\/git-lfs/, 'a Git LFS pointer, not the file itself; run `git lfs pull` in its folder'],
  [/^\x1f\x8b/, 'compressed with gzip; unpack it first'],
  [/^\x89HDF/, 'an HDF5 file (Keras or TensorFlow), not a PyTorch or safetensors checkpoint'],
  [/^\x93NUMPY/, 'a NumPy array, not a checkpoint'],
  [/^[\s\S]{257}ustar/, 'a tar archive; unpack it first'],
  [/^\s*[{[]/, 'JSON text, not tensors; if the server answered with an error, get the file again'],
  [/^PK\x05\x06/, 'an empty zip archive'],
];

/**
 * Opens a checkpoint: safetensors, torch.save archive or legacy torch.save stream. Reads headers only; closes the source on failure.
 * @throws CheckpointError naming the file, and offset or key where there is one.
 * @example
 * const file = await openTensorFile(bytesSource(await readFile('runs/vqa/model.safetensors'), 'model.safetensors'));
 * for (const [key, { dtype, shape }] of file.tensors) console.log(key, dtype, shape); // cls.bias F32 [ 4 ], ...
 * await file.close();
 */
export async function openTensorFile(source: ByteSource): Promise<TensorFile> {
  requireKinds('openTensorFile', { 'a source of bytes': { source } });
  try {
    return await openByHead(source, await headOf(source));
  } catch (error) {
    await source.close();
    throw error;
  }
}

/**
 * The value that torch.save wrote to an archive or a legacy stream; null for other bytes.
 * @throws CheckpointError for a damaged or hostile file.
 */
export async function readTorchObject(source: ByteSource): Promise<TorchObject | null> {
  return torchObject(source, String.fromCharCode(...(await headOf(source))));
}

async function torchObject(source: ByteSource, head: string): Promise<TorchObject | null> {
  if (head.startsWith('PK\x03\x04')) return readTorchArchive(source);
  if (/^\x80[\x02-\x05](\x95[\s\S]{8})?\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19/.test(head))
    return readTorchStream(source);
  return null;
}

async function headOf(source: ByteSource): Promise<Uint8Array> {
  return source.read(0, Math.min(PEEK_BYTES, source.size));
}

async function openByHead(source: ByteSource, head: Uint8Array): Promise<TensorFile> {
  const text = String.fromCharCode(...head);
  if (source.size === 0) throw new CheckpointError(`${source.name}: is empty; get the file again`);
  const object = await torchObject(source, text);
  if (object !== null) return stateDictFile(source, object);
  const other = OTHER_FORMATS.find(([pattern]) => pattern.test(text));
  if (other !== undefined) throw new CheckpointError(`${source.name}: ${other[1]}`);
  if (/^[\s\S]{8}\s*\{/.test(text)) return openSafetensors(source);
  if (/^\x80[\x02-\x05]/.test(text))
    throw new CheckpointError(`${source.name}: a bare Python pickle, not written by torch.save; nothing was run`);
  const shown = [...head.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  throw new CheckpointError(
    `${source.name}: begins with ${shown}, which is neither safetensors nor torch.save; the file is damaged or of another format`,
  );
}
