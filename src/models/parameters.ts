// The parameters of a model: their names, which of them are trained, and who holds them, the model or a training step.
import type * as tf from '@tensorflow/tfjs';
import { ConfigError } from '../errors.js';
import type { WeightedLayer } from '../layers/weighted-layer.js';
import type { RawTensor, ReadTensor } from '../raw-tensor.js';
import { sizeOf } from '../shapes.js';
import type { ParameterHolder } from './contract.js';
import { matchingNames } from './model-arguments.js';
import { isEmbeddingTable } from './pretrained/parameter-names.js';

/** The parameters in the layers of a model. */
export class Parameters {
  private holder: ParameterHolder | null = null;
  private isDisposed = false;

  /**
   * @param who the class, for errors
   * @param layers the current ones, in the order of transformers' state dict
   */
  constructor(
    private readonly who: () => string,
    private readonly layers: () => readonly WeightedLayer[],
  ) {}

  /** By transformers' names, in its order; tied parameters once. @throws ConfigError after `dispose` */
  named(): Map<string, tf.Variable> {
    this.requireLive();
    return this.variables();
  }

  /** Current values; tied parameters under both names. @param tied second name of a parameter -> its first */
  async stateDict(tied: ReadonlyMap<string, string>): Promise<Map<string, RawTensor>> {
    this.requireLive();
    return this.lend(async (read) => {
      const state = new Map<string, RawTensor>();
      for (const name of this.named().keys()) {
        const { data, ...rest } = await read(name);
        state.set(name, { ...rest, data: data.slice() });
      }
      for (const [second, name] of tied) state.set(second, state.get(name) as RawTensor);
      return state;
    });
  }

  /** Reads parameters, through the step that holds them. */
  lend<T>(use: (read: ReadTensor) => Promise<T>): Promise<T> {
    if (this.holder !== null) return this.holder.lendParameters(use);
    const parameters = this.named();
    return use(async (name) => {
      const variable = parameters.get(name) as tf.Variable;
      return { dtype: 'float32', shape: [...variable.shape], data: (await variable.data()) as Float32Array };
    });
  }

  /** Number of values. */
  count({ onlyTrainable = false, excludeEmbeddings = false }): number {
    return [...this.named()]
      .filter(
        ([name, variable]) => (variable.trainable || !onlyTrainable) && !(excludeEmbeddings && isEmbeddingTable(name)),
      )
      .reduce((total, [, { shape }]) => total + sizeOf(shape), 0);
  }

  /** Returns the names that match. @throws ConfigError when none does */
  setTrainable(pattern: string | RegExp, trainable: boolean): string[] {
    const parameters = this.named();
    const matching = matchingNames(this.who(), [...parameters.keys()], pattern);
    for (const name of matching) (parameters.get(name) as tf.Variable).trainable = trainable;
    return matching;
  }

  /** Gives them to a step, or (null) takes them back. @throws ConfigError when another step holds them */
  hold(holder: ParameterHolder | null): void {
    if (holder !== null) this.requireOwn();
    this.holder = holder;
  }

  dispose(): void {
    this.isDisposed = true;
    for (const variable of this.variables().values()) variable.dispose();
  }

  /** @throws ConfigError after `dispose` */
  requireLive(): void {
    if (!this.isDisposed) return;
    throw new ConfigError(`${this.who()}: the model was disposed; load it again, or dispose it after its last use`);
  }

  /** @throws ConfigError after `dispose`, and while a step holds them */
  requireOwn(): void {
    this.requireLive();
    if (this.holder === null) return;
    throw new ConfigError(
      `${this.who()}: its parameters are held by a training step; use step.evaluate(inputs), or step.dispose() to get them back`,
    );
  }

  private variables(): Map<string, tf.Variable> {
    return new Map(
      this.layers().flatMap((layer) =>
        [...layer.weightsByName].map(([name, variable]): [string, tf.Variable] => [`${layer.name}.${name}`, variable]),
      ),
    );
  }
}
