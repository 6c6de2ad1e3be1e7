// Caches functions by key; keys are compared by content.

/** Prepared functions of one kind, such as one for each role of a batch in its update. */
export class FunctionCache<K, F> {
  private entries: { key: K; made: F }[] = [];

  constructor(
    private readonly isSame: (a: K, b: K) => boolean,
    private readonly make: (key: K) => F,
  ) {}

  /** The function of a key, made on first use. */
  get(key: K): F {
    const known = this.entries.find((entry) => this.isSame(entry.key, key));
    if (known !== undefined) return known.made;
    const made = this.make(key);
    this.entries.push({ key, made });
    return made;
  }

  /** Drops all functions, after a change of what they depend on. */
  clear(): void {
    this.entries = [];
  }
}
