// A stream of random choices: a function of a seed and a name.
import { hash32, uniformValues } from '../../src/index.js';

const BLOCK = 1024;

/** Draws in order from the package's own generator; streams of other names are independent. */
export class RandomStream {
  private readonly seed: number;
  private readonly salt: number;
  private block = 0;
  private position = BLOCK;
  private values: Float32Array = new Float32Array(0);

  constructor(seed: number, name: string) {
    this.seed = seed;
    this.salt = hash32(name);
  }

  /** A number in [from, to). */
  between(from: number, to: number): number {
    if (this.position === BLOCK) {
      this.values = uniformValues(BLOCK, this.seed, this.block++, this.salt);
      this.position = 0;
    }
    return from + (this.values[this.position++] as number) * (to - from);
  }

  /** Whether something of this probability happens. */
  chance(probability: number): boolean {
    return this.between(0, 1) < probability;
  }

  /** One of the items, each as likely. */
  pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.between(0, items.length))] as T;
  }

  /** The items in a random order (Fisher and Yates). */
  shuffled<T>(items: readonly T[]): T[] {
    const order = [...items];
    for (let i = order.length - 1; i > 0; i--) {
      const j = Math.floor(this.between(0, i + 1));
      [order[i], order[j]] = [order[j] as T, order[i] as T];
    }
    return order;
  }
}
