// Tied parameters: the decoder that shares the word table, and visual tables that start as copies of text tables.
import type { VisualBertConfig } from '../../config/config.js';
import type { StoredTensor, TensorFile } from '../../checkpoint/tensor-file.js';
import { fromFloat32 } from '../../stored-dtype.js';
import { isSameShape } from '../../shapes.js';

/** The parameter of word vectors. */
export const WORD_TABLE = 'visual_bert.embeddings.word_embeddings.weight';

/** Second names of the pre-training heads' decoder -> the parameters they are tied to. */
export const DECODER_TIES: ReadonlyMap<string, string> = new Map([
  ['cls.predictions.decoder.weight', WORD_TABLE],
  ['cls.predictions.decoder.bias', 'cls.predictions.bias'],
]);

/** The decoder's names and the parameters that they are tied to; empty for an untied decoder. */
export function tiedDecoder({ tieWordEmbeddings }: VisualBertConfig): ReadonlyMap<string, string> {
  return tieWordEmbeddings ? DECODER_TIES : new Map();
}

/** Visual tables -> the text tables that they are copies of where no file fills them (`specialVisualInitialize`). */
const VISUAL_TABLES: ReadonlyMap<string, string> = new Map([
  ['embeddings.visual_token_type_embeddings.weight', 'embeddings.token_type_embeddings.weight'],
  ['embeddings.visual_position_embeddings.weight', 'embeddings.position_embeddings.weight'],
]);

/** The visual tables of a model -> the text tables, with the prefix that its parameters have. */
export function visualTables(parameters: { has(name: string): boolean }): ReadonlyMap<string, string> {
  const named = [...VISUAL_TABLES].map(([visual, text]): [string, string] => {
    const prefix = parameters.has(visual) ? '' : 'visual_bert.';
    return [prefix + visual, prefix + text];
  });
  return new Map(named.filter(([visual, text]) => parameters.has(visual) && parameters.has(text)));
}

/**
 * Finds tied parameters whose data in the file differs from that of the first name. Returns their keys.
 * @param tensorOf the tensor of the file for a name.
 */
export async function differingTies(
  file: TensorFile,
  tensorOf: (name: string) => StoredTensor | undefined,
  tied: ReadonlyMap<string, string>,
): Promise<string[]> {
  const differing: string[] = [];
  for (const [second, name] of tied) {
    const [a, b] = [tensorOf(second), tensorOf(name)];
    if (a === undefined || b === undefined || a.location === b.location) continue;
    if (!isSameShape(a.shape, b.shape) || !(await sameData(file, a, b))) differing.push(a.name);
  }
  return differing;
}

async function sameData(file: TensorFile, a: StoredTensor, b: StoredTensor): Promise<boolean> {
  const bytesOf = async ({ name }: StoredTensor): Promise<Uint8Array> =>
    a.dtype === b.dtype ? file.readBytes(name) : fromFloat32('F32', await file.readFloat32(name));
  const [x, y] = [await bytesOf(a), await bytesOf(b)];
  for (let i = 0; i < x.length; i++) if (x[i] !== y[i]) return false;
  return x.length === y.length;
}
