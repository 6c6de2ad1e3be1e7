// Loads a pretrained model: finds its files, makes the class without drawing a single weight, and fills its parameters one by one.
import * as tf from '@tensorflow/tfjs';
import { readText } from '#platform';
import type { StoredDType } from '../../checkpoint/dtypes.js';
import type { TensorFile } from '../../checkpoint/tensor-file.js';
import { VisualBertConfig } from '../../config.js';
import { CheckpointError, errorMessage } from '../../errors.js';
import { fused } from '../../fused.js';
import { seededInitializer, type WeightInit } from '../../layers/initializers.js';
import { sizeOf } from '../../shapes.js';
import { foreignError, mismatchError } from './explain.js';
import { createFiller, type Filler } from './fill.js';
import { hollowTensors } from './hollow.js';
import { KNOWN_CHECKPOINTS } from './known.js';
import { locatePretrained, type PretrainedFiles } from '../../platform/locate.js';
import { differingTies, matchKeys, sameShape } from './match-keys.js';
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
  const notes = requireKnownWidth(where, className, config, options);
  const file = await openWeights(files);
  try {
    const { model, report } = await fillNew(file, files.name, className, create, config, options);
    return { model, report: { ...report, notes } };
  } finally {
    await file.close();
  }
}

/** What is known of a published checkpoint: its width must fit; another class is worth a note. @throws CheckpointError before any download. */
function requireKnownWidth(
  where: string,
  className: string,
  { visualEmbeddingDim: width }: VisualBertConfig,
  { ignoreMismatchedSizes }: FromPretrainedOptions,
): string[] {
  const known = KNOWN_CHECKPOINTS[where];
  if (known === undefined) return [];
  if (known.visualEmbeddingDim !== width && ignoreMismatchedSizes !== true) {
    throw new CheckpointError(
      `${where}: its region features are ${known.visualEmbeddingDim} wide, the config says ${width}; set visualEmbeddingDim to ${known.visualEmbeddingDim}`,
    );
  }
  const isOther = known.architecture !== className && className !== 'VisualBertModel';
  return isOther
    ? [`${where} is a ${known.architecture}; as a ${className} its head is fresh or means something else`]
    : [];
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
): Promise<{ model: M; report: Omit<LoadingReport, 'notes'> }> {
  const { model, inits, tied, untiedKeys, dispose } = await makeHollow(file, create, config);
  try {
    const parameters = model.namedParameters();
    const { keyOf, unexpected, ignored } = matchKeys(file.tensors, new Set(parameters.keys()), tied);
    if (keyOf.size === 0) throw foreignError(className, file);
    const mismatchedKeys: LoadingReport['mismatchedKeys'] = [];
    const missingKeys = new Set([...parameters.keys()].filter((name) => !keyOf.has(name)));
    const fresh = new Set(missingKeys);
    for (const [name, key] of keyOf) {
      const [fileShape, modelShape] = [file.tensors.get(key)?.shape ?? [], parameters.get(name)?.shape ?? []];
      if (sameShape(fileShape, modelShape)) continue;
      mismatchedKeys.push({ key, fileShape, modelShape });
      keyOf.delete(name);
      fresh.add(name);
    }
    if (mismatchedKeys.length > 0 && !ignoreMismatchedSizes) throw mismatchError(className, file, mismatchedKeys);

    const nonFiniteKeys = await fill(file, parameters, keyOf);
    const draw = seededInitializer(seed);
    for (const name of fresh) {
      const variable = parameters.get(name) as tf.Variable;
      assign(variable, draw(name, variable.shape, inits.get(name) ?? { kind: 'zeros' }));
    }
    if (model.config.specialVisualInitialize) copyTables(parameters, missingKeys);
    const report = {
      source,
      format: file.format,
      missingKeys: [...missingKeys],
      unexpectedKeys: unexpected,
      mismatchedKeys,
      ignoredKeys: ignored,
      untiedKeys,
      nonFiniteKeys,
      storedDtypes: countDtypes(file),
    };
    return { model, report };
  } catch (error) {
    model.dispose();
    throw error;
  } finally {
    dispose();
  }
}

/** A model without data, and how its parameters would be drawn. It is made untied where the file's tied parameters differ. */
async function makeHollow<M extends LoadableModel>(
  file: TensorFile,
  create: ModelFactory<M>,
  config: VisualBertConfig,
): Promise<{
  model: M;
  inits: Map<string, WeightInit>;
  tied: ReadonlyMap<string, string>;
  untiedKeys: string[];
  dispose: () => void;
}> {
  const hollow = hollowTensors();
  const inits = new Map<string, WeightInit>();
  const make = (settings: VisualBertConfig): M =>
    create(settings, (name, shape, init) => {
      inits.set(name, init);
      return hollow.create(shape);
    });
  let model = make(config);
  const tied = new Map(model.tiedWeights);
  try {
    const untiedKeys = await differingTies(file, new Set(model.namedParameters().keys()), tied);
    if (untiedKeys.length > 0) {
      model.dispose();
      model = make(config.with({ tieWordEmbeddings: false }));
    }
    return { model, inits, tied, untiedKeys, dispose: hollow.dispose };
  } catch (error) {
    model.dispose();
    hollow.dispose();
    throw error;
  }
}

/** Tensors read at the same time: the copies out of the file's cache share the cores with the check of what has arrived. */
const LANES = 3;

/** Reads every matched tensor into its parameter. Returns the keys with values that are not finite. */
async function fill(
  file: TensorFile,
  parameters: ReadonlyMap<string, tf.Variable>,
  keyOf: ReadonlyMap<string, string>,
): Promise<string[]> {
  const nonFinite = new Set<string>();
  let hasFailed = false;
  const entries = keyOf.entries();
  const lane = async (filler: Filler): Promise<void> => {
    for (const [name, key] of entries) {
      const variable = parameters.get(name) as tf.Variable;
      const values = filler.array(sizeOf(variable.shape));
      await file.readFloat32(key, values);
      if (hasFailed) return;
      const tensor = tf.tensor(values, variable.shape, 'float32');
      if (!allFinite(tensor, values)) nonFinite.add(key);
      assign(variable, tensor);
    }
  };
  const lanes = Array.from({ length: LANES }, () =>
    lane(createFiller()).catch((error: unknown) => {
      hasFailed = true;
      throw error;
    }),
  );
  // Nobody may close the file or dispose the model while a lane still reads.
  const failure = (await Promise.allSettled(lanes)).find(({ status }) => status === 'rejected');
  if (failure !== undefined) throw (failure as PromiseRejectedResult).reason;
  return [...keyOf.values()].filter((key) => nonFinite.has(key));
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

function allFinite(tensor: tf.Tensor, values: Float32Array): boolean {
  const [result] = fused('AllFinite', { x: tensor }) ?? [];
  if (result !== undefined) {
    const answer = result.dataSync()[0] === 1;
    result.dispose();
    return answer;
  }
  for (const value of values) if (!Number.isFinite(value)) return false;
  return true;
}

function countDtypes(file: TensorFile): Partial<Record<StoredDType, number>> {
  const counts: Partial<Record<StoredDType, number>> = {};
  for (const { dtype } of file.tensors.values()) counts[dtype] = (counts[dtype] ?? 0) + 1;
  return counts;
}
