// Loads a pretrained model: finds its files, creates the model without drawing weights, and fills its parameters one by one.
import type { StoredDType } from '../../stored-dtype.js';
import type { StoredTensor, TensorFile } from '../../checkpoint/tensor-file.js';
import { loadConfig, VisualBertConfig } from '../../config/config.js';
import { CheckpointError, ConfigError } from '../../errors.js';
import { seededInitializer, type WeightInit } from '../../layers/initializers.js';
import { warnOnce } from '../../logger.js';
import { PUBLISHED_CHECKPOINTS } from '../../config/published-checkpoints.js';
import type { FloatsInFile } from '../../raw-tensor.js';
import { isSameShape } from '../../shapes.js';
import type { PretrainedSource } from '../../platform/locate.js';
import { traitsOfFile } from './classify.js';
import { foreignError, mismatchError, requireLayers } from './explain.js';
import { createSwap } from './fill.js';
import { fillParameters, type ParameterValues, storedValues } from './fill-parameters.js';
import { freshWeightsText, reasonInKeys } from './fresh-weights.js';
import { type HollowFactory, hollowTensors } from './hollow.js';
import { isHead } from './parameter-names.js';
import { matchKeys, type NamedKeys, nameKeys } from './match-keys.js';
import { type LocatedModel, locateModel } from './open-weights.js';
import { requireFloats } from './quantised.js';
import { differingTies, visualTables } from './ties.js';
import type { FromPretrainedOptions, LoadableModel, LoadingReport, ModelFactory } from './types.js';

/** A model whose parameters have no data yet: their values are still in the file. */
export interface StoredModel<M> {
  model: M;
  /** Values of one parameter, valid until the next but one is read, or their location in a file, until `close`. @throws CheckpointError */
  read(name: string): Promise<Float32Array | FloatsInFile>;
  /** Whether `read` returns a location in a file. */
  isInFile(name: string): boolean;
  /** Fills every parameter. @throws CheckpointError */
  fill(): Promise<void>;
  /** Closes the file. */
  close(): Promise<void>;
}

/**
 * Loads `where` (folder, weights file, address or repository id) into a new model of one class.
 * Parameters are float32 whatever the file holds. Peak memory is that of the weights and the largest tensor.
 * @throws what `openPretrained` throws; CheckpointError for tensors that cannot be read
 */
export async function loadPretrained<M extends LoadableModel>(
  where: PretrainedSource,
  className: string,
  create: ModelFactory<M>,
  options: FromPretrainedOptions = {},
): Promise<M> {
  const stored = await openPretrained(where, className, create, options);
  const { model } = stored;
  try {
    await stored.fill();
    return model;
  } catch (error) {
    model.dispose();
    throw error;
  } finally {
    await stored.close();
  }
}

/**
 * Opens `where` and creates a model of its class, without reading values.
 * Warns once of parameters that the file does not fill, unless `allowFreshWeights` is set.
 * @throws CheckpointError for damaged files, wrong shapes, files of other models, or missing parameters that may not be fresh; ConfigError; HubError.
 */
export async function openPretrained<M extends LoadableModel>(
  where: PretrainedSource,
  className: string,
  create: ModelFactory<M>,
  options: FromPretrainedOptions = {},
): Promise<StoredModel<M>> {
  const located = await locateModel(where, options);
  const { config, notes } = await configOf(located, options);
  notes.push(...requireKnownWidth(located.files.where, className, config, options));
  const file = await located.open();
  try {
    requireLayers(file.name, traitsOfFile(file).numHiddenLayers, config);
    const report = (): LoadingReport => ({
      ...usage,
      source: located.files.name,
      nonFiniteKeys: values.nonFiniteKeys(),
      notes: [...notes, ...usage.notes],
    });
    const reporting: HollowFactory<M> = (settings, initializer) => create(settings, initializer, report);
    const { model, values, usage } = await openNew(file, className, reporting, config, options);
    const fresh = options.allowFreshWeights === true ? null : freshWeightsText(className, report());
    if (fresh !== null && options.allowFreshWeights === false) {
      model.dispose();
      throw new CheckpointError(`${fresh}. Its answers would be random; allowFreshWeights continues with them`);
    }
    if (fresh !== null) warnOnce(`${fresh}. Train them before you use the model's answers.`);
    const { array } = createSwap();
    return {
      model,
      read: async (name) => values.inFile(name) ?? values.read(name, array),
      isInFile: (name) => values.inFile(name) !== null,
      fill: () => fillParameters(model.namedParameters(), values),
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Compares a published checkpoint: its width must fit, another class gives a note. @throws CheckpointError before any download. */
function requireKnownWidth(
  where: string,
  className: string,
  { visualEmbeddingDim: width }: VisualBertConfig,
  { ignoreMismatchedSizes }: FromPretrainedOptions,
): string[] {
  const known = PUBLISHED_CHECKPOINTS.get(where);
  if (known === undefined) return [];
  if (known.visualEmbeddingDim !== width && ignoreMismatchedSizes !== true) {
    throw new CheckpointError(
      `${where}: its region features are ${known.visualEmbeddingDim} wide, the config has ${width}; set visualEmbeddingDim to ${known.visualEmbeddingDim}`,
    );
  }
  const isOther = known.architecture !== className && className !== 'VisualBertModel';
  return isOther
    ? [`${where} is a ${known.architecture}; as a ${className} its head is fresh or has another meaning`]
    : [];
}

async function configOf(
  { files, notes }: LocatedModel,
  { config, numLabels }: FromPretrainedOptions,
): Promise<{ config: VisualBertConfig; notes: string[] }> {
  if (config !== undefined && !(config instanceof VisualBertConfig)) {
    throw new ConfigError(
      'fromPretrained: expected config to be a VisualBertConfig; write new VisualBertConfig({ ... })',
    );
  }
  const found = config === undefined ? await loadConfig(files) : { config, notes: [] };
  const isSame = numLabels === undefined || numLabels === found.config.numLabels;
  return { config: isSame ? found.config : found.config.with({ numLabels }), notes: [...notes, ...found.notes] };
}

async function openNew<M extends LoadableModel>(
  file: TensorFile,
  className: string,
  create: HollowFactory<M>,
  config: VisualBertConfig,
  { seed = 0, ignoreMismatchedSizes = false, newHead = false }: FromPretrainedOptions,
): Promise<{ model: M; values: ParameterValues; usage: Omit<LoadingReport, 'source' | 'nonFiniteKeys'> }> {
  const { model, inits, tied, named, untiedKeys, dispose } = await makeHollow(file, create, config);
  try {
    const parameters = model.namedParameters();
    const { keyOf, unexpected, ignored } = matchKeys(named.nameOf, new Set(parameters.keys()), tied);
    if (keyOf.size === 0) throw foreignError(className, file, reasonInKeys(unexpected));
    requireFloats(file, keyOf.values());
    const mismatchedKeys: LoadingReport['mismatchedKeys'] = [];
    const missingKeys = new Set([...parameters.keys()].filter((name) => !keyOf.has(name)));
    let unwanted = 0;
    for (const [name, key] of keyOf) {
      const [fileShape, modelShape] = [file.tensors.get(key)?.shape ?? [], parameters.get(name)?.shape ?? []];
      const isReplaced = newHead && isHead(name);
      if (isSameShape(fileShape, modelShape) && !isReplaced) continue;
      if (!isReplaced) unwanted++;
      mismatchedKeys.push({ key, fileShape, modelShape });
      keyOf.delete(name);
    }
    if (unwanted > 0 && !ignoreMismatchedSizes) throw mismatchError(className, file, mismatchedKeys);

    const draw = seededInitializer(seed);
    const copies = model.config.specialVisualInitialize
      ? textTables(parameters, missingKeys)
      : new Map<string, string>();
    const values = storedValues(file, parameters, {
      keyOf,
      copies,
      fresh: (name, shape) => draw(name, shape, inits.get(name) ?? { kind: 'zeros' }),
    });
    const usage = {
      format: file.format,
      parameterCount: parameters.size,
      missingKeys: [...missingKeys],
      copiedKeys: [...copies.keys()],
      unexpectedKeys: unexpected,
      mismatchedKeys,
      ignoredKeys: ignored,
      untiedKeys,
      wrappers: named.wrappers,
      storedDtypes: countDtypes(file),
      notes: named.nonTensors.length === 0 ? [] : [`keys without a tensor: ${named.nonTensors.join(', ')}`],
    };
    return { model, values, usage };
  } catch (error) {
    model.dispose();
    throw error;
  } finally {
    dispose();
  }
}

/** Missing visual tables -> the text tables of the file that they are copied from (`specialVisualInitialize`). */
function textTables(parameters: ReadonlyMap<string, unknown>, missing: ReadonlySet<string>): Map<string, string> {
  return new Map([...visualTables(parameters)].filter(([visual, text]) => missing.has(visual) && !missing.has(text)));
}

/** A model without data, the initializer of its parameters, and the file's keys by its names. It is untied if the file's tied parameters differ. */
async function makeHollow<M extends LoadableModel>(
  file: TensorFile,
  create: HollowFactory<M>,
  config: VisualBertConfig,
): Promise<{
  model: M;
  inits: Map<string, WeightInit>;
  tied: ReadonlyMap<string, string>;
  named: NamedKeys;
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
    const named = nameKeys(file, new Set([...model.namedParameters().keys(), ...tied.keys()]));
    const untiedKeys = await differingTies(file, tensorsByName(file, named), tied);
    if (untiedKeys.length > 0) {
      model.dispose();
      model = make(config.with({ tieWordEmbeddings: false }));
    }
    return { model, inits, tied, named, untiedKeys, dispose: hollow.dispose };
  } catch (error) {
    model.dispose();
    hollow.dispose();
    throw error;
  }
}

function tensorsByName(file: TensorFile, { nameOf }: NamedKeys): (name: string) => StoredTensor | undefined {
  const keyOf = new Map([...nameOf].map(([key, name]) => [name, key]));
  return (name) => file.tensors.get(keyOf.get(name) ?? '');
}

function countDtypes(file: TensorFile): Partial<Record<StoredDType, number>> {
  const counts: Partial<Record<StoredDType, number>> = {};
  for (const { dtype } of file.tensors.values()) counts[dtype] = (counts[dtype] ?? 0) + 1;
  return counts;
}
