// Decides, before anything is written, what becomes of every key of a checkpoint and where every parameter comes from.
import type { StoredTensor, TensorFile } from '../checkpoint/tensor-file.js';
import type { VisualBertConfig } from '../config/config.js';
import { CheckpointError } from '../errors.js';
import { parameterShapes } from '../models/model-classes.js';
import { type Architecture, traitsOf } from '../models/pretrained/classify.js';
import type { ConfigJson } from '../config/config-json.js';
import { requireLayers, someKeys } from '../models/pretrained/explain.js';
import { joinTied, nonTensorError } from '../models/pretrained/match-keys.js';
import { isParameterName } from '../models/pretrained/parameter-names.js';
import { requireFloats } from '../models/pretrained/quantised.js';
import { DECODER_TIES, differingTies, tiedDecoder, visualTables } from '../models/pretrained/ties.js';
import { useOf, isTextOnly, type Layout, LAYOUTS, layoutOfFamily, type SourceKeys, sourceKeys } from './key-map.js';
import type { ConvertOptions } from './options.js';
import { familyOf } from './model-type.js';
import {
  declaredClassifier,
  hasClassifier,
  requireComplete,
  requireKnownPositions,
  requireOnePass,
  requireShapes,
  type SkippedKey,
} from './plan-checks.js';
import { moveEmbeddings } from './roberta.js';
import { sourceConfig } from './source-config.js';

/** Choices of the caller. */
export type PlanOptions = Pick<ConvertOptions, 'architecture' | 'config' | 'allowIncomplete'>;

/** A conversion before it is carried out. */
export interface ConversionPlan {
  layout: Layout['name'];
  architecture: Architecture;
  config: VisualBertConfig;
  /** The file to read: some tensors may be computed from others. */
  file: TensorFile;
  /** Parameter -> key of the source, in the order of the class. */
  sources: Map<string, string>;
  /** Second name of a tied parameter -> its name. */
  tiedWeights: ReadonlyMap<string, string>;
  /** Keys that go to a file of their own: name of the file -> [key, new name]. */
  aside: Map<string, [string, string][]>;
  skipped: SkippedKey[];
  /** Parameters that nothing fills: they get fresh values when the folder is loaded. */
  missing: string[];
  /** Prefixes removed from the keys. */
  wrappers: string[];
  /** What else is worth knowing before the result is used. */
  notes: string[];
}

/**
 * Plans a conversion.
 * @param found the config.json next to the source, if any.
 * @throws CheckpointError when the kind or the layout is unknown, keys fit no parameter, parameters have no source, or shapes differ.
 */
export async function planConversion(
  opened: TensorFile,
  found: ConfigJson | null,
  options: PlanOptions,
): Promise<ConversionPlan> {
  const family = familyOf(opened.name, found?.json ?? null, opened.tensors.keys());
  const keys = sourceKeys(opened);
  if (keys.layout === null) throw unknownLayoutError(opened);
  const layout = layoutOfFamily(keys.layout, family);
  const { renamed, others, aside, skipped } = sortKeys(opened, keys, layout);
  const moved =
    layout.name === 'roberta' ? moveEmbeddings(opened, (name) => renamed.get(name), found?.json ?? null) : null;
  const file = moved?.file ?? opened;
  for (const [name, tensor] of renamed) renamed.set(name, file.tensors.get(tensor.name) ?? tensor);

  const traits = traitsOf(renamed);
  const architecture =
    options.architecture ??
    (layout.name === 'transformers' ? declaredClassifier(found?.json ?? null, traits) : null) ??
    traits.architecture ??
    (renamed.has('cls.predictions.bias') ? 'VisualBertForPreTraining' : 'VisualBertModel');
  if (family === null) requireKnownPositions(file, layout, traits.typeVocabSize);
  requireOnePass(file, layout, architecture, renamed);
  const untied = await differingTies(file, (name) => renamed.get(name), DECODER_TIES);
  const json = found === null ? null : { ...found.json, ...moved?.changes };
  const config = sourceConfig(
    file,
    traits,
    { given: options.config, json },
    {
      ...(untied.length > 0 && { tieWordEmbeddings: false }),
      ...(hasClassifier(architecture) && traits.classifierTransform && { classifierTransform: true }),
    },
  );
  requireLayers(file.name, traits.numHiddenLayers, config);
  const expected = parameterShapes(architecture, config);
  for (const [key, { name, what }] of others) {
    if (isParameterName(name)) throw nonTensorError(file.name, key, what);
    skipped.push({ key, reason: `holds ${what}, not a tensor` });
  }
  for (const { value, name } of joinTied(renamed, expected, DECODER_TIES))
    skipped.push({ key: value.name, reason: `the same data as ${name}` });
  const { sources, unmatched } = assignKeys(renamed, expected, architecture);
  if (isTextOnly(layout)) copyVisualTables(sources, expected);
  const missing = [...expected.keys()].filter((name) => !sources.has(name));
  requireFloats(file, sources.values());
  requireShapes(file, sources, expected);
  if (options.allowIncomplete !== true) {
    requireComplete(file, { architecture, layout, unmatched, missing }, options.architecture !== undefined);
  }
  return {
    layout: layout.name,
    architecture,
    config,
    file,
    sources: new Map(
      [...expected.keys()].flatMap((name) => (sources.has(name) ? [[name, sources.get(name) as string] as const] : [])),
    ),
    tiedWeights: expected.has('cls.predictions.bias') ? tiedDecoder(config) : new Map(),
    aside,
    skipped: [...skipped, ...unmatched.map(({ key, reason }) => ({ key, reason }))],
    missing,
    wrappers: keys.wrappers,
    notes: [...(found?.notes ?? []), ...(moved?.notes ?? []), ...notesOf(layout, architecture, config, options)],
  };
}

function unknownLayoutError(file: TensorFile): CheckpointError {
  const known = LAYOUTS.map(({ title }) => title).join(', ');
  return new CheckpointError(
    `${file.name}: its ${file.tensors.size} keys (${someKeys([...file.tensors.keys()])}) match none of the layouts ${known}`,
  );
}

interface SortedKeys {
  /** Name in transformers -> tensor. */
  renamed: Map<string, StoredTensor>;
  /** Keys that hold no tensor -> name in transformers, and what they hold. */
  others: Map<string, { name: string; what: string }>;
  aside: ConversionPlan['aside'];
  skipped: SkippedKey[];
}

function sortKeys(file: TensorFile, { nameOf }: SourceKeys, layout: Layout): SortedKeys {
  const sorted: SortedKeys = { renamed: new Map(), others: new Map(), aside: new Map(), skipped: [] };
  for (const [key, unwrapped] of nameOf) {
    const use = useOf(unwrapped, layout);
    const tensor = file.tensors.get(key);
    const what = file.nonTensors?.get(key);
    if (what !== undefined) sorted.others.set(key, { name: 'to' in use ? use.to : '', what });
    if (tensor === undefined) continue;
    if ('skip' in use) sorted.skipped.push({ key, reason: use.skip });
    else if ('aside' in use) {
      const list = sorted.aside.get(use.aside) ?? [];
      const inside = key.slice(key.indexOf(`${use.aside}.`) + use.aside.length + 1);
      sorted.aside.set(use.aside, [...list, [key, inside]]);
    } else {
      const other = sorted.renamed.get(use.to);
      if (other !== undefined)
        throw new CheckpointError(`${file.name}: keys "${other.name}" and "${key}" both mean ${use.to}`);
      sorted.renamed.set(use.to, tensor);
    }
  }
  return sorted;
}

/** The base model's parameters have no prefix of their own. */
function nameIn(architecture: Architecture, name: string): string {
  return architecture === 'VisualBertModel' ? name.replace(/^visual_bert\./, '') : name;
}

function assignKeys(
  renamed: ReadonlyMap<string, StoredTensor>,
  expected: ReadonlyMap<string, number[]>,
  architecture: Architecture,
): { sources: Map<string, string>; unmatched: (SkippedKey & { name: string })[] } {
  const sources = new Map<string, string>();
  const unmatched: (SkippedKey & { name: string })[] = [];
  for (const [name, { name: key }] of renamed) {
    const parameter = nameIn(architecture, name);
    if (expected.has(parameter)) sources.set(parameter, key);
    else unmatched.push({ key, name, reason: `${architecture} has no parameter ${parameter}` });
  }
  return { sources, unmatched };
}

function copyVisualTables(sources: Map<string, string>, expected: ReadonlyMap<string, number[]>): void {
  for (const [visual, text] of visualTables(expected)) {
    const key = sources.get(text);
    if (key !== undefined && !sources.has(visual)) sources.set(visual, key);
  }
}

function notesOf(
  layout: Layout,
  architecture: Architecture,
  { classifierTransform, hiddenAct }: VisualBertConfig,
  options: PlanOptions,
): string[] {
  const notes: string[] = [];
  if (layout.name === 'roberta' && architecture === 'VisualBertForPreTraining' && hiddenAct !== 'gelu') {
    notes.push(`RoBERTa's masked-LM head uses gelu, this one ${String(hiddenAct)}`);
  }
  if (!hasClassifier(architecture)) return notes;
  if (layout.name === 'mmf' && options.architecture === undefined) {
    notes.push(
      'the file does not say which state its head reads; MMF\'s configuration does: pooler_strategy "vqa" is ' +
        'VisualBertForQuestionAnswering, "default" is VisualBertForVisualReasoning (the pooled state); pass architecture if this is the other one',
    );
  }
  if (classifierTransform) {
    notes.push(
      'its classifier has two layers (classifierTransform), which no class of transformers has: there, the first would be ignored silently',
    );
  }
  return notes;
}
