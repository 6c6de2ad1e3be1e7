// A value that is created at its first use.

export class Lazy<Value> {
  private made: { readonly value: Value } | null = null;

  constructor(private readonly make: () => Value) {}

  /** A value that exists already. */
  static of<Value>(value: Value): Lazy<Value> {
    const lazy = new Lazy(() => value);
    lazy.made = { value };
    return lazy;
  }

  get isMade(): boolean {
    return this.made !== null;
  }

  get value(): Value {
    this.made ??= { value: this.make() };
    return this.made.value;
  }
}
