// Caches functions by key; keys are compared by content.

/** The few functions of one kind that a step makes, such as one for each way in which a batch can stand in its update. */
export class FunctionCache<K, F> {
  private entries: { key: K; made: F }[] = [];

  constructor(
    private readonly isSame: (a: K, b: K) => boolean,
    private readonly make: (key: K) => F,
  ) {}

  /** The function of a key, made when it is first asked for. */
  get(key: K): F {
    const known = this.entries.find((entry) => this.isSame(entry.key, key));
    if (known !== undefined) return known.made;
    const made = this.make(key);
    this.entries.push({ key, made });
    return made;
  }

  /** Drops all functions: what they were made of has changed. */
  clear(): void {
    this.entries = [];
  }
}
