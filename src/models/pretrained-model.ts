// The base of every VisualBERT class: checked calls, parameters by name, loading and saving.
import { tf } from '#tf';
import { VisualBertConfig } from '../config/config.js';
import { prepareWebGpu } from '../webgpu/prepare.js';
import { ConfigError, ShapeError } from '../errors.js';
import { seededInitializer } from '../layers/initializers.js';
import { philoxKey } from '../random/philox-uniform.js';
import type { RawTensor } from '../raw-tensor.js';
import type { ComputeContext } from './backbone.js';
import { requireHeadMask } from './head-mask.js';
import { requireSequence } from './inputs/specs.js';
import {
  type CheckedInputs,
  checkInputs,
  type InputSpecs,
  type ModelInputs,
  type OutputFlags,
  outputFlags,
  type TensorInputs,
} from './inputs/inputs.js';
import { toTuple, type ModelOutputs } from './outputs.js';
import type {
  LoadedModelOptions,
  ForwardOptions,
  ParameterHolder,
  ModelClass,
  ModelParts,
  PartsFactory,
} from './contract.js';
import { loadModel } from './open-model.js';
import { kindOf, randomSeed, requireSeed } from './model-arguments.js';
import { Parameters } from './parameters.js';
import {
  type ChangedParameter,
  joinPrunedHeads,
  prunedParameter,
  resizedCount,
  resizedParameter,
  type ResizeOptions,
} from './surgery.js';
import { savePretrained } from './pretrained/save.js';
import { WORD_TABLE } from './pretrained/ties.js';
import type { FromPretrainedOptions, LoadingReport, SavePretrainedOptions } from './pretrained/types.js';
import { defined, requireKinds, requireOptions } from '../options.js';

/**
 * A VisualBERT with its parameters. Parameters are named as in transformers and have PyTorch's shapes; tied ones appear once.
 * A subclass adds its layers, its inputs and `compute`.
 * @example
 * const model = await VisualBertForQuestionAnswering.fromPretrained('uclanlp/visualbert-vqa');
 * model.freeze('visual_bert.embeddings.*');
 * await model.savePretrained('my-vqa', { dtype: 'float16' });
 */
export abstract class VisualBertPreTrainedModel<
  O extends ModelOutputs = ModelOutputs,
  P extends ModelParts = ModelParts,
> {
  protected parts: P;
  private currentConfig: VisualBertConfig;
  private readonly currentReport: (() => LoadingReport) | undefined;
  private readonly parameters = new Parameters(
    () => this.className,
    () => this.parts.layers,
  );

  protected constructor(
    config: VisualBertConfig,
    options: LoadedModelOptions,
    private readonly createParts: PartsFactory<P>,
  ) {
    requireOptions(new.target.name, options);
    const { seed = 0, initializer, loadingReport } = options;
    if (!(config instanceof VisualBertConfig)) {
      throw new ConfigError(
        `${new.target.name}: expected a VisualBertConfig, received ${kindOf(config)}; write new VisualBertConfig({ ... })`,
      );
    }
    this.currentConfig = config;
    this.currentReport = loadingReport;
    prepareWebGpu();
    this.parts = createParts(config, initializer ?? seededInitializer(seed));
    if (initializer === undefined && config.specialVisualInitialize) this.parts.backbone.embeddings.copyTextTables();
  }

  get config(): VisualBertConfig {
    return this.currentConfig;
  }

  /** The report of `fromPretrained`; null for a fresh model. */
  get loadingReport(): LoadingReport | null {
    return this.currentReport?.() ?? null;
  }

  /** transformers' name of the class, as config.json lists it. */
  abstract readonly className: string;

  /** Second name of a tied parameter -> its name in `namedParameters`. */
  get tiedWeights(): ReadonlyMap<string, string> {
    return new Map();
  }

  /** The inputs of this class. */
  protected abstract inputSpecs(): InputSpecs;

  /**
   * The pure function of tensors that `forward` wraps, without checks and without reading values, so that it can be recorded.
   * Inputs have the shapes and dtypes that `forward` requires.
   */
  abstract compute(inputs: TensorInputs, context: ComputeContext): O;

  /** The word table, of which only the rows of `inputIds` have a gradient, unless it is a head's decoder too. */
  rowsRead({ inputIds }: TensorInputs): ReadonlyMap<string, tf.Tensor> {
    const isTied = [...this.tiedWeights.values()].includes(WORD_TABLE);
    return inputIds === undefined || isTied ? new Map() : new Map([[WORD_TABLE, inputIds]]);
  }

  /** Whether `compute` reads few states of each example, all at positions that are attended to. */
  protected readsFewStates(_inputs: Readonly<Record<string, unknown>>): boolean {
    return false;
  }

  /** Whether `compute` may get these inputs with `ComputeContext.ragged`. */
  canLeaveOutPadding(inputs: Readonly<Record<string, unknown>>, flags: OutputFlags): boolean {
    const { bypassTransformer, outputAttentions, outputHiddenStates } = { ...this.config, ...defined(flags) };
    const isPlain = !bypassTransformer && !outputAttentions && !outputHiddenStates && inputs['headMask'] === undefined;
    return isPlain && this.readsFewStates(inputs);
  }

  /** Checks of a class beyond the shape and range of each input. */
  protected requireConsistent(_inputs: CheckedInputs): void {}

  /** Runs the model. The caller owns the outputs; inputs are never disposed. @throws ShapeError, ConfigError */
  forward(inputs: ModelInputs & { returnDict: false }, options?: ForwardOptions): (tf.Tensor | tf.Tensor[])[];
  forward(inputs: ModelInputs, options?: ForwardOptions): O;
  forward(inputs: ModelInputs, options: ForwardOptions = {}): O | (tf.Tensor | tf.Tensor[])[] {
    requireOptions(`${this.className}.forward`, options);
    const { training = false, seed } = options;
    this.parameters.requireOwn();
    return tf.tidy(() => {
      const tensors = this.prepare(inputs);
      const { returnDict = this.config.returnDict } = inputs;
      const dropoutKey = training ? philoxKey(requireSeed(this.className, seed) ?? randomSeed(), 0) : null;
      const outputs = this.compute(tensors, { training, dropoutKey, ...outputFlags(inputs) });
      return (returnDict ? { ...outputs } : toTuple(outputs)) as tf.TensorContainer;
    }) as O | (tf.Tensor | tf.Tensor[])[];
  }

  /** Converts inputs to checked tensors for `compute`; new ones belong to the surrounding tidy. @throws ShapeError */
  prepare(inputs: ModelInputs): TensorInputs {
    const checked = Object.entries(this.check(inputs));
    return Object.fromEntries(checked.map(([name, input]) => [name, input.toTensor()]));
  }

  /**
   * Converts inputs to checked arrays for a training step; the caller's own arrays are not copied. The number of examples is `exampleCount`
   * if given, else the first axis of the text. @throws ShapeError
   */
  prepareArrays(inputs: ModelInputs): { arrays: Record<string, RawTensor>; exampleCount: number } {
    const checked = this.check(inputs);
    const { exampleCount, inputIds, inputsEmbeds } = checked;
    const arrays = Object.entries(checked).map(([name, input]) => [name, input.toArray()] as const);
    return {
      arrays: Object.fromEntries(arrays),
      exampleCount: exampleCount?.values[0] ?? (inputIds ?? inputsEmbeds)?.shape[0] ?? 0,
    };
  }

  private check(inputs: ModelInputs): CheckedInputs {
    this.parameters.requireLive();
    const { numHiddenLayers, numAttentionHeads } = this.config;
    const checked = checkInputs(this.className, inputs, this.inputSpecs());
    requireHeadMask(this.className, checked.headMask, numHiddenLayers, numAttentionHeads);
    requireSequence(this.className, checked, this.config);
    this.requireConsistent(checked);
    return checked;
  }

  /** Parameters by transformers' names, in its order; tied parameters once. */
  namedParameters(): Map<string, tf.Variable> {
    return this.parameters.named();
  }

  /**
   * Loads a folder, a checkpoint file, an address or a repository of the hub; `loadingReport` lists the use of every key.
   * @throws CheckpointError, ConfigError, HubError
   */
  static async fromPretrained<M extends VisualBertPreTrainedModel>(
    this: ModelClass<M>,
    where: string,
    given: FromPretrainedOptions & { addPoolingLayer?: boolean } = {},
  ): Promise<M> {
    requireOptions(`${this.className}.fromPretrained`, given);
    return loadModel(this, where, given);
  }

  /** Current values of all parameters; tied ones under both names. */
  async stateDict(): Promise<Map<string, RawTensor>> {
    return this.parameters.stateDict(this.tiedWeights);
  }

  /** Writes a folder that `fromPretrained` of transformers reads. Also works while a training step holds the parameters. */
  async savePretrained(folder: string, options?: SavePretrainedOptions): Promise<void> {
    this.parameters.requireLive();
    const { className, config, tiedWeights } = this;
    const shapes = new Map([...this.namedParameters()].map(([name, { shape }]) => [name, shape]));
    await this.parameters.lend((read) => {
      const values = async (name: string): Promise<Float32Array> => (await read(name)).data as Float32Array;
      return savePretrained({ className, config, tiedWeights, shapes, read: values }, folder, options);
    });
  }

  /** Number of values in the parameters. */
  numParameters(options: { onlyTrainable?: boolean; excludeEmbeddings?: boolean } = {}): number {
    requireKinds('numParameters', { 'an object': { options } });
    return this.parameters.count(options);
  }

  /**
   * Freezes the parameters whose names match: `*` matches any part of a name, as in `visual_bert.embeddings.*`.
   * Returns their names. @throws ConfigError when none matches.
   */
  freeze(pattern: string | RegExp): string[] {
    return this.parameters.setTrainable(pattern, false);
  }

  /** Makes the parameters whose names match trainable. Returns their names. @throws ConfigError when none matches. */
  unfreeze(pattern: string | RegExp): string[] {
    return this.parameters.setTrainable(pattern, true);
  }

  /** The word table `[vocabSize, h]`. */
  getInputEmbeddings(): tf.Variable {
    return this.parts.backbone.embeddings.wordTable;
  }

  /** Replaces the word table; its number of rows becomes the vocabulary size. The values are copied. */
  setInputEmbeddings(table: tf.Tensor): void {
    this.parameters.requireOwn();
    const [rows = 0, width] = table instanceof tf.Tensor ? table.shape : [];
    if (width === undefined || table.rank !== 2 || width !== this.config.hiddenSize) {
      throw new ShapeError(
        `${this.className}: expected a word table [rows, ${this.config.hiddenSize}], received ${table instanceof tf.Tensor ? `[${table.shape.join(', ')}]` : kindOf(table)}`,
      );
    }
    if (rows !== this.config.vocabSize) this.resizeTokenEmbeddings(rows);
    const values = tf.add(table, 0);
    this.getInputEmbeddings().assign(values);
    values.dispose();
  }

  /** The decoder's weight `[vocabSize, h]`; null in a class without a masked-LM head in use. */
  getOutputEmbeddings(): tf.Variable | null {
    return null;
  }

  /**
   * Gives the parameters to a training step, or (null) takes them back. Meanwhile `forward` throws, and reading goes through the holder.
   * @throws ConfigError when another step holds them.
   */
  holdParameters(holder: ParameterHolder | null): void {
    this.parameters.hold(holder);
  }

  /**
   * Resizes the vocabulary, with the decoder and its bias, keeping the first rows. Create a training step again afterwards.
   * New entries of the bias are 0, as in transformers; in an untied decoder the mean of the old ones.
   * Returns the word table.
   */
  resizeTokenEmbeddings(count: number, options: ResizeOptions = {}): tf.Variable {
    const vocabSize = resizedCount(this.className, count, options);
    const { initializerRange } = this.config;
    this.rebuild(this.config.with({ vocabSize }), resizedParameter(vocabSize, { ...options, initializerRange }));
    return this.getInputEmbeddings();
  }

  /**
   * Removes attention heads permanently: layer number -> heads, by their original numbers, also recorded in the configuration.
   * Create a training step again afterwards. @throws ConfigError
   */
  pruneHeads(heads: Readonly<Record<number, readonly number[]>>): void {
    const { numHiddenLayers: layers, numAttentionHeads, prunedHeads: before } = this.config;
    const prunedHeads = joinPrunedHeads(before, heads, { layers, heads: numAttentionHeads });
    this.rebuild(this.config.with({ prunedHeads }), prunedParameter(before, prunedHeads, numAttentionHeads));
  }

  /** Creates the layers again for another configuration; `valueOf` computes each parameter's value. */
  private rebuild(config: VisualBertConfig, valueOf: ChangedParameter): void {
    this.parameters.requireOwn();
    const before = this.namedParameters();
    this.parts = this.createParts(config, (name, shape) => valueOf(name, before.get(name) as tf.Variable, shape));
    this.currentConfig = config;
    for (const [name, variable] of this.namedParameters()) variable.trainable = before.get(name)?.trainable ?? true;
    for (const variable of before.values()) variable.dispose();
  }

  /** Frees all parameters; the model cannot be used afterwards. Calling it again does nothing. */
  dispose(): void {
    this.parameters.dispose();
  }
}
