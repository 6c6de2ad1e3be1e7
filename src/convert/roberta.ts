// RoBERTa's embeddings as a BERT's: its positions begin after the padding index, and it has one token type.
import { type DerivedTensor, withDerivedTensors } from '../checkpoint/derived-tensors.js';
import type { StoredTensor, TensorFile } from '../checkpoint/tensor-file.js';
import { CheckpointError } from '../errors.js';

/** Regions and second segments have a type of their own. */
const TYPES = 2;

const POSITIONS = 'visual_bert.embeddings.position_embeddings.weight';
const TYPE_TABLE = 'visual_bert.embeddings.token_type_embeddings.weight';

/** The embeddings of a RoBERTa as those of a BERT. */
export interface MovedEmbeddings {
  /** The same keys; the two tables have other rows. */
  file: TensorFile;
  /** Fields of config.json that change with them. */
  changes: { max_position_embeddings: number; type_vocab_size: number; pad_token_id: number };
  notes: string[];
}

/**
 * Row `padding + 1` of RoBERTa's position table is its first token's: it becomes row 0. The rows before it, used only by padding, are removed.
 * The only token type is copied to a second.
 * @param tensorOf the tensor that fills a parameter.
 * @throws CheckpointError for a table without rows after the padding index.
 * @see https://github.com/huggingface/transformers/blob/v4.57.0/src/transformers/models/roberta/modeling_roberta.py#L138
 */
export function moveEmbeddings(
  file: TensorFile,
  tensorOf: (name: string) => StoredTensor | undefined,
  json: Record<string, unknown> | null,
): MovedEmbeddings {
  const { pad_token_id: padding = 1 } = json ?? {};
  const [positions, types] = [tensorOf(POSITIONS), tensorOf(TYPE_TABLE)];
  const rows = positions?.shape[0] ?? 0;
  if (typeof padding !== 'number' || !Number.isInteger(padding) || padding < 0 || padding + 1 >= rows) {
    throw new CheckpointError(
      `${file.name}: expected pad_token_id below the ${rows} rows of its position table, received ${String(padding).slice(0, 40)}; correct config.json`,
    );
  }
  const start = padding + 1;
  const derived = new Map<string, DerivedTensor>();
  const notes = [
    `positions of a RoBERTa begin at ${start}: the first ${start} rows of its table, used only by padding, are left out`,
  ];
  if (positions !== undefined) derived.set(positions.name, rowsFrom(file, positions, start));
  if (types?.shape[0] === 1) {
    derived.set(types.name, repeated(file, types));
    notes.push('a RoBERTa has one token type: the second is a copy of it');
  }
  return {
    file: withDerivedTensors(file, derived),
    changes: {
      max_position_embeddings: rows - start,
      type_vocab_size: Math.max(TYPES, types?.shape[0] ?? TYPES),
      pad_token_id: padding,
    },
    notes,
  };
}

function rowsFrom(file: TensorFile, { name, dtype, shape }: StoredTensor, start: number): DerivedTensor {
  const [rows = 0, ...rest] = shape;
  const bytes = async (): Promise<Uint8Array> => {
    const all = await file.readBytes(name);
    return all.slice((all.byteLength / rows) * start);
  };
  return { dtype, shape: [rows - start, ...rest], bytes };
}

function repeated(file: TensorFile, { name, dtype, shape }: StoredTensor): DerivedTensor {
  const bytes = async (): Promise<Uint8Array> => {
    const row = await file.readBytes(name);
    const all = new Uint8Array(TYPES * row.byteLength);
    for (let i = 0; i < TYPES; i++) all.set(row, i * row.byteLength);
    return all;
  };
  return { dtype, shape: [TYPES, ...shape.slice(1)], bytes };
}
