// Loads a pretrained model: finds its files, makes the class without drawing a single weight, and fills its parameters one by one.
import * as tf from '@tensorflow/tfjs';
import { readText } from '#platform';
import type { StoredDType } from '../../checkpoint/dtypes.js';
import type { TensorFile } from '../../checkpoint/tensor-file.js';
import { VisualBertConfig } from '../../config.js';
import { CheckpointError, errorMessage } from '../../errors.js';
import { seededInitializer, type WeightInit } from '../../layers/initializers.js';
import { sizeOf } from '../../shapes.js';
import { foreignError, mismatchError } from './explain.js';
import { createFiller } from './fill.js';
import { hollowTensor } from './hollow.js';
import { locatePretrained, type PretrainedFiles } from './locate.js';
import { matchKeys } from './match-keys.js';
import { openWeights } from './open-weights.js';
import type { FromPretrainedOptions, LoadableModel, LoadingReport, ModelFactory } from './types.js';

/** Visual tables that start as copies of text tables where no file fills them (`specialVisualInitialize`). */
const COPIED_TABLES: readonly [string, string][] = [
  ['embeddings.visual_token_type_embeddings.weight', 'embeddings.token_type_embeddings.weight'],
  ['embeddings.visual_position_embeddings.weight', 'embeddings.position_embeddings.weight'],
];

/**
 * Loads `where` (folder, weights file, address or repository id) into a new model of one class.
 * Parameters are float32 whatever the file holds. Peak memory is that of the weights and the largest tensor.
 * @throws CheckpointError for damaged files, wrong shapes, or files of other models; ConfigError; HubError.
 */
export async function loadPretrained<M extends LoadableModel>(
  where: string,
  className: string,
  create: ModelFactory<M>,
  options: FromPretrainedOptions = {},
): Promise<{ model: M; report: LoadingReport }> {
  const files = await locatePretrained(where, options);
  const config = await configOf(files, options);
  const file = await openWeights(files);
  try {
    return await fillNew(file, files.name, className, create, config, options);
  } finally {
    await file.close();
  }
}

/** The configuration beside the weights. @throws CheckpointError when there is none, or of another kind of model. */
export async function loadConfig(files: PretrainedFiles): Promise<VisualBertConfig> {
  const path = await files.find('config.json');
  if (path === null)
    throw new CheckpointError(
      `${files.name}: has no config.json; pass { config }, or convert the checkpoint with \`visualbert convert\``,
    );
  let json: unknown;
  try {
    json = JSON.parse(await readText(path));
  } catch (error) {
    throw new CheckpointError(`${path}: is no JSON (${errorMessage(error).slice(0, 120)})`);
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new CheckpointError(`${path}: expected a JSON object`);
  const { model_type: type } = json as { model_type?: unknown };
  if (type !== undefined && type !== 'visual_bert') {
    throw new CheckpointError(
      `${path}: describes a model of type "${String(type).slice(0, 40)}", expected visual_bert; \`visualbert convert\` makes a VisualBERT of a plain BERT`,
    );
  }
  return VisualBertConfig.fromJSON(json);
}

async function configOf(
  files: PretrainedFiles,
  { config, numLabels }: FromPretrainedOptions,
): Promise<VisualBertConfig> {
  const found = config ?? (await loadConfig(files));
  return numLabels === undefined || numLabels === found.numLabels ? found : found.with({ numLabels });
}

async function fillNew<M extends LoadableModel>(
  file: TensorFile,
  source: string,
  className: string,
  create: ModelFactory<M>,
  config: VisualBertConfig,
  { seed = 0, ignoreMismatchedSizes = false }: FromPretrainedOptions,
): Promise<{ model: M; report: LoadingReport }> {
  const inits = new Map<string, WeightInit>();
  const make = (settings: VisualBertConfig): M =>
    create(settings, (name, shape, init) => {
      inits.set(name, init);
      return hollowTensor(shape);
    });
  let model = make(config);
  try {
    const tied = new Map(model.tiedWeights);
    const untiedKeys = await differingTies(file, model);
    if (untiedKeys.length > 0) {
      model.dispose();
      model = make(config.with({ tieWordEmbeddings: false }));
    }
    const parameters = model.namedParameters();
    const { keyOf, unexpected, ignored } = matchKeys(file.tensors, new Set([...parameters.keys(), ...tied.keys()]));
    for (const [alias, name] of tied) {
      const [aliasKey, key] = [keyOf.get(alias), keyOf.get(name)];
      if (parameters.has(alias)) {
        if (aliasKey === undefined && key !== undefined) keyOf.set(alias, key);
      } else if (aliasKey !== undefined) {
        keyOf.delete(alias);
        if (key === undefined) keyOf.set(name, aliasKey);
        else ignored.push(aliasKey);
      }
    }
    if (keyOf.size === 0) throw foreignError(className, file);
    const mismatchedKeys = [...keyOf].flatMap(([name, key]) => {
      const [fileShape, modelShape] = [file.tensors.get(key)?.shape ?? [], parameters.get(name)?.shape ?? []];
      return sameShape(fileShape, modelShape) ? [] : [{ key, name, fileShape, modelShape }];
    });
    if (mismatchedKeys.length > 0 && !ignoreMismatchedSizes) throw mismatchError(className, file, mismatchedKeys);
    for (const { name } of mismatchedKeys) keyOf.delete(name);

    const missingKeys = [...parameters.keys()].filter((name) => !keyOf.has(name));
    const nonFiniteKeys = await fill(file, parameters, keyOf);
    const draw = seededInitializer(seed);
    for (const name of missingKeys) {
      const variable = parameters.get(name) as tf.Variable;
      assign(variable, draw(name, variable.shape, inits.get(name) ?? { kind: 'zeros' }));
    }
    if (model.config.specialVisualInitialize) copyTables(parameters, new Set(missingKeys));
    const report: LoadingReport = {
      source,
      format: file.format,
      missingKeys: missingKeys.filter((name) => !mismatchedKeys.some((other) => other.name === name)),
      unexpectedKeys: unexpected,
      mismatchedKeys: mismatchedKeys.map(({ key, fileShape, modelShape }) => ({ key, fileShape, modelShape })),
      ignoredKeys: ignored,
      untiedKeys,
      nonFiniteKeys,
      storedDtypes: countDtypes(file),
    };
    return { model, report };
  } catch (error) {
    model.dispose();
    throw error;
  }
}

/** Second names of tied parameters whose data in the file is not that of the first. */
async function differingTies(file: TensorFile, model: LoadableModel): Promise<string[]> {
  const { tiedWeights } = model;
  const { keyOf } = matchKeys(file.tensors, new Set([...model.namedParameters().keys(), ...tiedWeights.keys()]));
  const differing: string[] = [];
  for (const [alias, name] of tiedWeights) {
    const [a, b] = [file.tensors.get(keyOf.get(alias) ?? ''), file.tensors.get(keyOf.get(name) ?? '')];
    if (a === undefined || b === undefined || a.location === b.location) continue;
    if (!sameShape(a.shape, b.shape) || a.dtype !== b.dtype || !(await sameBytes(file, a.name, b.name)))
      differing.push(a.name);
  }
  return differing;
}

async function sameBytes(file: TensorFile, a: string, b: string): Promise<boolean> {
  const [x, y] = [await file.readBytes(a), await file.readBytes(b)];
  return x.every((byte, i) => byte === y[i]);
}

/** Reads every matched tensor into its parameter. Returns the keys with values that are not finite. */
async function fill(
  file: TensorFile,
  parameters: ReadonlyMap<string, tf.Variable>,
  keyOf: ReadonlyMap<string, string>,
): Promise<string[]> {
  const filler = createFiller();
  const nonFinite: string[] = [];
  for (const [name, key] of keyOf) {
    const variable = parameters.get(name) as tf.Variable;
    const values = filler.array(sizeOf(variable.shape));
    await file.readFloat32(key, values);
    if (!allFinite(values)) nonFinite.push(key);
    assign(variable, tf.tensor(values, variable.shape, 'float32'));
  }
  return nonFinite;
}

function assign(variable: tf.Variable, value: tf.Tensor): void {
  variable.assign(value);
  value.dispose();
}

function copyTables(parameters: ReadonlyMap<string, tf.Variable>, missing: ReadonlySet<string>): void {
  for (const [visual, text] of COPIED_TABLES) {
    const prefix = parameters.has(visual) ? '' : 'visual_bert.';
    const [target, source] = [parameters.get(prefix + visual), parameters.get(prefix + text)];
    if (target !== undefined && source !== undefined && missing.has(prefix + visual) && !missing.has(prefix + text)) {
      assign(target, tf.clone(source));
    }
  }
}

/** All exponent bits set is infinity or NaN. */
function allFinite(values: Float32Array): boolean {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  let found = 0;
  for (let i = 0; i < bits.length; i++) found |= ((bits[i] as number) & 0x7f800000) === 0x7f800000 ? 1 : 0;
  return found === 0;
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

function countDtypes(file: TensorFile): Partial<Record<StoredDType, number>> {
  const counts: Partial<Record<StoredDType, number>> = {};
  for (const { dtype } of file.tensors.values()) counts[dtype] = (counts[dtype] ?? 0) + 1;
  return counts;
}
