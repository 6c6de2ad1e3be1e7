// Decides, before anything is written, what becomes of every key of a checkpoint and where every parameter comes from.
import type { StoredTensor, TensorFile } from '../checkpoint/tensor-file.js';
import { VisualBertConfig, type VisualBertConfigOptions } from '../config.js';
import { CheckpointError } from '../errors.js';
import { type Architecture, type CheckpointTraits, traitsOf } from '../models/pretrained/classify.js';
import { someKeys } from '../models/pretrained/explain.js';
import { sameShape } from '../models/pretrained/match-keys.js';
import { expectedParameters, hasClassifier } from './expected.js';
import { fateOf, type Layout, layoutOf, LAYOUTS } from './key-map.js';

/** What a caller decides about a conversion. */
export interface PlanOptions {
  /** The class to convert to. Default: what the checkpoint's heads say. */
  architecture?: Architecture;
  /** Default: the config.json beside the checkpoint, else what its shapes say. */
  config?: VisualBertConfig;
  /** Go on although keys have no place in the class or parameters no source. Both are listed. Default false. */
  allowIncomplete?: boolean;
}

/** A key that is not converted, and why. */
export interface SkippedKey {
  key: string;
  reason: string;
}

/** A conversion before it is carried out. */
export interface ConversionPlan {
  layout: Layout['name'];
  architecture: Architecture;
  config: VisualBertConfig;
  /** Parameter -> key of the source, in the order of the class. */
  sources: Map<string, string>;
  /** Second name of a tied parameter -> its name. */
  aliases: Map<string, string>;
  /** Keys that go to a file of their own: name of the file -> [key, new name]. */
  aside: Map<string, [string, string][]>;
  skipped: SkippedKey[];
  /** Parameters that nothing fills: they get fresh values when the folder is loaded. */
  missing: string[];
  /** What else is worth knowing before the result is used. */
  notes: string[];
}

const DECODER_TIES: readonly [string, string][] = [
  ['cls.predictions.decoder.weight', 'visual_bert.embeddings.word_embeddings.weight'],
  ['cls.predictions.decoder.bias', 'cls.predictions.bias'],
];

/** What a plain BERT lacks by nature; the visual tables are copies of the text tables, as the authors start. */
const VISUAL_TABLES: readonly [string, string][] = [
  ['embeddings.visual_token_type_embeddings.weight', 'embeddings.token_type_embeddings.weight'],
  ['embeddings.visual_position_embeddings.weight', 'embeddings.position_embeddings.weight'],
];

/** BERT's heads are this wide; no shape tells their number. */
const HEAD_SIZE = 64;

/**
 * Plans a conversion.
 * @param configJson the config.json beside the source, if any.
 * @throws CheckpointError when the layout is unknown, keys have no place, parameters no source, or shapes differ.
 */
export async function planConversion(
  file: TensorFile,
  configJson: object | null,
  options: PlanOptions,
): Promise<ConversionPlan> {
  const layout = layoutOf(file.tensors.keys());
  if (layout === null) {
    const known = LAYOUTS.map(({ title }) => title).join(', ');
    throw new CheckpointError(
      `${file.name}: its ${file.tensors.size} keys (${someKeys([...file.tensors.keys()])}) are of none of the layouts ${known}`,
    );
  }
  const { renamed, aside, skipped } = sortKeys(file, layout);
  const traits = traitsOf(new Map([...renamed].map(([name, { shape }]) => [name, { shape }])));
  const architecture =
    options.architecture ??
    traits.architecture ??
    (renamed.has('cls.predictions.bias') ? 'VisualBertForPreTraining' : 'VisualBertModel');
  requireOnePass(file, layout, architecture, renamed);
  const untied = await differingDecoder(file, renamed);
  const config = configOf(file, traits, configJson, options, {
    ...(untied.length > 0 && { tieWordEmbeddings: false }),
    ...(hasClassifier(architecture) && traits.classifierTransform && { classifierTransform: true }),
  });
  const expected = expectedParameters(architecture, config);
  const sources = new Map<string, string>();
  const place = (name: string): string =>
    architecture === 'VisualBertModel' ? name.replace(/^visual_bert\./, '') : name;

  for (const [name, target] of DECODER_TIES) {
    const [own, shared] = [renamed.get(name), renamed.get(target)];
    if (own !== undefined && shared === undefined) renamed.set(target, own);
    if (expected.has(name)) {
      if (own === undefined && shared !== undefined) renamed.set(name, shared);
    } else if (own !== undefined) {
      renamed.delete(name);
      skipped.push({ key: own.name, reason: `the same data as ${target}` });
    }
  }
  const homeless: SkippedKey[] = [];
  for (const [name, tensor] of renamed) {
    if (expected.has(place(name))) sources.set(place(name), tensor.name);
    else homeless.push({ key: tensor.name, reason: `${architecture} has no parameter ${place(name)}` });
  }
  if (layout.name === 'bert') copyVisualTables(sources, architecture);
  const missing = [...expected.keys()].filter((name) => !sources.has(name));
  requireShapes(file, sources, expected);
  requireComplete(file, { architecture, layout, homeless, missing }, options);
  return {
    layout: layout.name,
    architecture,
    config,
    sources: new Map(
      [...expected.keys()].flatMap((name) => (sources.has(name) ? [[name, sources.get(name) as string] as const] : [])),
    ),
    aliases: new Map(expected.has('cls.predictions.bias') && config.tieWordEmbeddings ? DECODER_TIES : []),
    aside,
    skipped: [...skipped, ...homeless],
    missing,
    notes: notesOf(layout, architecture, config, options),
  };
}

function sortKeys(
  file: TensorFile,
  layout: Layout,
): { renamed: Map<string, StoredTensor>; aside: ConversionPlan['aside']; skipped: SkippedKey[] } {
  const renamed = new Map<string, StoredTensor>();
  const aside: ConversionPlan['aside'] = new Map();
  const skipped: SkippedKey[] = [];
  for (const [key, tensor] of file.tensors) {
    const fate = fateOf(key, layout);
    if ('skip' in fate) skipped.push({ key, reason: fate.skip });
    else if ('aside' in fate) {
      const list = aside.get(fate.aside) ?? [];
      aside.set(fate.aside, [...list, [key, key.slice(key.indexOf(`${fate.aside}.`) + fate.aside.length + 1)]]);
    } else {
      const other = renamed.get(fate.to);
      if (other !== undefined)
        throw new CheckpointError(`${file.name}: keys "${other.name}" and "${key}" both mean ${fate.to}`);
      renamed.set(fate.to, tensor);
    }
  }
  return { renamed, aside, skipped };
}

/** The decoder's names whose data is not that of the tensor they are tied to. */
async function differingDecoder(file: TensorFile, renamed: ReadonlyMap<string, StoredTensor>): Promise<string[]> {
  const differing: string[] = [];
  for (const [name, target] of DECODER_TIES) {
    const [a, b] = [renamed.get(name), renamed.get(target)];
    if (a === undefined || b === undefined || a.location === b.location) continue;
    if (!sameShape(a.shape, b.shape)) differing.push(name);
    else {
      const [x, y] = [await file.readFloat32(a.name), await file.readFloat32(b.name)];
      if (x.some((value, i) => value !== y[i])) differing.push(name);
    }
  }
  return differing;
}

/** @throws CheckpointError for MMF's head of NLVR2, which joins the pooled states of two passes, one for each image. */
function requireOnePass(
  file: TensorFile,
  layout: Layout,
  architecture: Architecture,
  renamed: ReadonlyMap<string, StoredTensor>,
): void {
  const [width, h] = [renamed.get('cls.weight'), renamed.get('visual_bert.pooler.dense.weight')].map(
    (tensor) => tensor?.shape[1] ?? 0,
  );
  if (layout.name !== 'mmf' || !hasClassifier(architecture) || h === 0 || width !== 2 * (h as number)) return;
  throw new CheckpointError(
    `${file.name}: MMF's NLVR2 head reads two pooled states, one from a pass for each image; no class here has it. ` +
      'Convert the rest with architecture VisualBertModel (--architecture VisualBertModel)',
  );
}

function notesOf(
  layout: Layout,
  architecture: Architecture,
  { classifierTransform }: VisualBertConfig,
  options: PlanOptions,
): string[] {
  const notes: string[] = [];
  if (!hasClassifier(architecture)) return notes;
  if (layout.name === 'mmf' && options.architecture === undefined) {
    notes.push(
      'the file does not say which state its head reads: MMF\'s configuration does. pooler_strategy "vqa" is ' +
        'VisualBertForQuestionAnswering, "default" is VisualBertForVisualReasoning (the pooled state); pass architecture if this is the other one',
    );
  }
  if (classifierTransform) {
    notes.push(
      'its classifier has two layers (classifierTransform), which no class of transformers has: there, the first would be left out in silence',
    );
  }
  return notes;
}

/** @param found what the tensors alone say, whatever a config.json says. */
function configOf(
  file: TensorFile,
  traits: CheckpointTraits,
  configJson: object | null,
  options: PlanOptions,
  found: VisualBertConfigOptions,
): VisualBertConfig {
  if (options.config !== undefined) return options.config.with(found);
  if (configJson === null) return new VisualBertConfig({ ...settingsOf(file, traits), ...found });
  if ((configJson as { model_type?: unknown }).model_type !== 'bert')
    return VisualBertConfig.fromJSON(configJson).with(found);
  const ofBert = Object.entries(configJson).filter(([key]) => key !== 'architectures' && key !== 'model_type');
  return VisualBertConfig.fromJSON(Object.fromEntries(ofBert)).with(found);
}

/** The settings that shapes tell. @throws CheckpointError when they do not tell the number of attention heads. */
export function settingsOf(file: Pick<TensorFile, 'name'>, traits: CheckpointTraits): VisualBertConfigOptions {
  const h = traits.hiddenSize ?? 0;
  if (h === 0 || h % HEAD_SIZE !== 0) {
    throw new CheckpointError(
      `${file.name}: hidden size ${h} does not tell the number of attention heads; pass a config`,
    );
  }
  const hasLabels = traits.numLabels !== null && traits.numLabels > 1;
  return {
    hiddenSize: h,
    numAttentionHeads: h / HEAD_SIZE,
    numHiddenLayers: traits.numHiddenLayers,
    bypassTransformer: traits.bypassTransformer,
    classifierTransform: traits.classifierTransform,
    ...(traits.intermediateSize !== null && { intermediateSize: traits.intermediateSize }),
    ...(traits.vocabSize !== null && { vocabSize: traits.vocabSize }),
    ...(traits.maxPositionEmbeddings !== null && { maxPositionEmbeddings: traits.maxPositionEmbeddings }),
    ...(traits.typeVocabSize !== null && { typeVocabSize: traits.typeVocabSize }),
    ...(traits.visualEmbeddingDim !== null && { visualEmbeddingDim: traits.visualEmbeddingDim }),
    ...(hasLabels && { numLabels: traits.numLabels ?? 2 }),
  };
}

function copyVisualTables(sources: Map<string, string>, architecture: Architecture): void {
  const prefix = architecture === 'VisualBertModel' ? '' : 'visual_bert.';
  for (const [visual, text] of VISUAL_TABLES) {
    const key = sources.get(prefix + text);
    if (key !== undefined && !sources.has(prefix + visual)) sources.set(prefix + visual, key);
  }
}

function requireShapes(
  file: TensorFile,
  sources: ReadonlyMap<string, string>,
  expected: ReadonlyMap<string, number[]>,
): void {
  const wrong = [...sources].flatMap(([name, key]) => {
    const [found, wanted] = [file.tensors.get(key)?.shape ?? [], expected.get(name) ?? []];
    return sameShape(found, wanted) ? [] : [`${key} [${found.join(', ')}], expected [${wanted.join(', ')}]`];
  });
  if (wrong.length > 0)
    throw new CheckpointError(
      `${file.name}: ${wrong.length} shapes do not fit the configuration: ${someKeys(wrong)}; pass the config that belongs to the checkpoint`,
    );
}

function requireComplete(
  file: TensorFile,
  {
    architecture,
    layout,
    homeless,
    missing,
  }: { architecture: Architecture; layout: Layout; homeless: SkippedKey[]; missing: string[] },
  options: PlanOptions,
): void {
  if (options.allowIncomplete === true) return;
  const isChosen = options.architecture !== undefined;
  const isHead = (name: string): boolean => /^(cls|attention)\./.test(name);
  const lost = homeless.filter(({ key }) => !(isChosen && isHead(fateName(key, layout))));
  const absent = missing.filter(
    (name) => !(layout.name === 'bert' && (name.includes('visual_projection') || isHead(name))),
  );
  if (lost.length > 0) {
    throw new CheckpointError(
      `${file.name}: ${lost.length} keys have no place in ${architecture}: ${someKeys(lost.map(({ key }) => key))}; pass architecture, or allowIncomplete (--allow-incomplete) to leave them out`,
    );
  }
  if (absent.length > 0) {
    throw new CheckpointError(
      `${file.name}: ${absent.length} parameters of ${architecture} are in no key: ${someKeys(absent)}; pass architecture, or allowIncomplete (--allow-incomplete) to leave them fresh`,
    );
  }
}

function fateName(key: string, layout: Layout): string {
  const fate = fateOf(key, layout);
  return 'to' in fate ? fate.to : '';
}
