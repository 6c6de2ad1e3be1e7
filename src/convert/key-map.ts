// The tables that turn foreign parameter names into transformers' names.

/** What a table does with a key: a new name, a file of its own beside the model, or nothing, with the reason. */
export type Fate = { to: string } | { aside: 'detector' } | { skip: string };

/** A family of checkpoints and how its keys are renamed. */
export interface Layout {
  name: 'transformers' | 'authors' | 'mmf' | 'bert';
  /** For reports. */
  title: string;
  /** A key that only this layout has; tried in the order of LAYOUTS. */
  mark: RegExp;
  /** Applied one after the other. */
  renames: readonly (readonly [RegExp, string])[];
}

/** Any checkpoint may carry these. */
const WRAPPING: Layout['renames'] = [
  [/^(module\.)+/, ''], // torch.nn.DataParallel
  [/LayerNorm\.gamma$/, 'LayerNorm.weight'], // before PyTorch named them
  [/LayerNorm\.beta$/, 'LayerNorm.bias'],
];

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
    name: 'bert',
    title: 'BERT',
    mark: /^(bert\.)?embeddings\.word_embeddings\.weight$/,
    renames: [
      [/^bert\./, 'visual_bert.'],
      [/^(embeddings|encoder|pooler)\./, 'visual_bert.$1.'],
    ],
  },
];

/** A key without what any checkpoint may carry around it. */
function unwrapped(key: string): string {
  return WRAPPING.reduce((name, [from, to]) => name.replace(from, to), key);
}

/** The layout of a checkpoint by its keys, or null. */
export function layoutOf(keys: Iterable<string>): Layout | null {
  const names = [...keys].map(unwrapped);
  return LAYOUTS.find(({ mark }) => names.some((name) => mark.test(name))) ?? null;
}

/** What becomes of one key. */
export function fateOf(key: string, layout: Layout): Fate {
  const name = unwrapped(key);
  if (/(^|\.)detector\./.test(name)) return { aside: 'detector' };
  if (/(^|\.)position_ids$/.test(name)) return { skip: 'a buffer that counts positions, not a weight' };
  return { to: layout.renames.reduce((renamed, [from, to]) => renamed.replace(from, to), name) };
}
