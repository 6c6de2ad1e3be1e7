// The tables that turn foreign parameter names into transformers' names.
import type { TensorFile } from '../checkpoint/tensor-file.js';
import { bufferMeaning, unwrapKeys } from '../models/pretrained/wrappers.js';
import type { ModelFamily } from './model-type.js';

/** What a table does with a key: a new name, a file of its own next to the model, or nothing, with the reason. */
export type KeyUse = { to: string } | { aside: 'detector' } | { skip: string };

/** A family of checkpoints and how its keys are renamed. */
export interface Layout {
  name: 'transformers' | 'authors' | 'mmf' | 'bert' | 'roberta';
  /** For reports. */
  title: string;
  /** A key that only this layout has; tried in the order of LAYOUTS. */
  mark: RegExp;
  /** Applied one after the other. */
  renames: readonly (readonly [RegExp, string])[];
}

/** The names of the authors' embedding module, kept by MMF. */
const EMBEDDINGS: Layout['renames'] = [
  [/^visual_bert\.embeddings\.token_type_embeddings_visual\./, 'visual_bert.embeddings.visual_token_type_embeddings.'],
  [/^visual_bert\.embeddings\.position_embeddings_visual\./, 'visual_bert.embeddings.visual_position_embeddings.'],
  [/^visual_bert\.embeddings\.projection\./, 'visual_bert.embeddings.visual_projection.'],
];

/** Every layout that is read. */
export const LAYOUTS: readonly Layout[] = [
  {
    name: 'transformers',
    title: 'transformers',
    mark: /^(visual_bert\.)?embeddings\.visual_projection\.weight$/,
    renames: [[/^(embeddings|encoder|pooler|additional_layer)\./, 'visual_bert.$1.']],
  },
  {
    name: 'authors',
    title: 'uclanlp/visualbert',
    mark: /^bert\.bert\.embeddings\./,
    renames: [
      [/^bert\.bert\./, 'visual_bert.'],
      [/^bert\.cls\./, 'cls.'],
      [/^bert\.classifier\./, 'cls.'],
      [/^bert\.flickr_attention\./, 'attention.'],
      ...EMBEDDINGS,
    ],
  },
  {
    name: 'mmf',
    title: 'MMF',
    mark: /^(model\.)?bert\.embeddings\.projection\.weight$/,
    renames: [
      [/^model\./, ''],
      [/^bert\./, 'visual_bert.'],
      [/^classifier\.0\./, 'cls.transform.'], // dense, activation, norm before the last layer
      [/^classifier\.(1\.)?/, 'cls.'],
      [/^flickr_attention\./, 'attention.'],
      ...EMBEDDINGS,
    ],
  },
  {
    name: 'roberta',
    title: 'RoBERTa',
    mark: /^roberta\.embeddings\.word_embeddings\.weight$/,
    renames: [
      [/^roberta\./, 'visual_bert.'],
      [/^(embeddings|encoder|pooler)\./, 'visual_bert.$1.'],
      [/^lm_head\.dense\./, 'cls.predictions.transform.dense.'],
      [/^lm_head\.layer_norm\./, 'cls.predictions.transform.LayerNorm.'],
      [/^lm_head\./, 'cls.predictions.'], // bias, decoder
    ],
  },
  {
    name: 'bert',
    title: 'BERT',
    mark: /^(bert\.)?embeddings\.word_embeddings\.weight$/,
    renames: [
      [/^bert\./, 'visual_bert.'],
      [/^(embeddings|encoder|pooler)\./, 'visual_bert.$1.'],
    ],
  },
];

/** Layouts of models without a part for regions: what such models lack is not an error. */
export function isTextOnly({ name }: Layout): boolean {
  return name === 'bert' || name === 'roberta';
}

/** The keys of a source. */
export interface SourceKeys {
  /** Key -> name without wrappers, tensors and others. */
  nameOf: ReadonlyMap<string, string>;
  wrappers: string[];
  /** Null for keys of no known layout. */
  layout: Layout | null;
}

/** Removes wrappers from the keys of a source and finds their layout. @throws CheckpointError for two keys of one name, or several models. */
export function sourceKeys(file: TensorFile): SourceKeys {
  const keys = [...file.tensors.keys(), ...(file.nonTensors?.keys() ?? [])];
  const { nameOf, taken } = unwrapKeys(
    file.name,
    keys,
    LAYOUTS.map(({ mark }) => mark),
  );
  const names = [...nameOf.values()];
  const layout = LAYOUTS.find(({ mark }) => names.some((name) => mark.test(name))) ?? null;
  return { nameOf, wrappers: taken, layout };
}

/** The layout that a kind of model has, where its keys alone look like a BERT's. */
export function layoutOfFamily(layout: Layout, family: ModelFamily | null): Layout {
  return family === 'roberta' ? (LAYOUTS.find(({ name }) => name === 'roberta') ?? layout) : layout;
}

/** The use of a key whose name without wrappers is `name`. */
export function useOf(name: string, layout: Layout): KeyUse {
  if (/(^|\.)detector\./.test(name)) return { aside: 'detector' };
  const buffer = bufferMeaning(name);
  if (buffer !== null) return { skip: buffer };
  return { to: layout.renames.reduce((renamed, [from, to]) => renamed.replace(from, to), name) };
}
