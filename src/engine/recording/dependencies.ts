// Tracks which operations of a recording use which results: an in-place update must run after all readers of the variable.

/** Operations by number. */
export class Dependencies {
  private readonly owners = new Set<number>();
  private readonly inputs = new Map<number, number[]>();
  private readonly consumers = new Map<number, number[]>();
  private readonly ancestorSets = new Map<number, Set<number>>();

  /** @param ownsResult whether the operation's result has memory of its own. */
  add(operation: number, inputs: number[], ownsResult: boolean): void {
    if (ownsResult) this.owners.add(operation);
    this.inputs.set(operation, inputs);
    for (const input of inputs) {
      const known = this.consumers.get(input);
      if (known === undefined) this.consumers.set(input, [operation]);
      else known.push(operation);
    }
  }

  /** Whether the operation's result has memory of its own. */
  ownsResult(operation: number): boolean {
    return this.owners.has(operation);
  }

  /** Operations that read the memory of this one's result, also through operations that pass it on. */
  readersOf(operation: number): Set<number> {
    const readers = new Set<number>();
    const visit = (number: number): void => {
      for (const consumer of this.consumers.get(number) ?? []) {
        if (readers.has(consumer)) continue;
        readers.add(consumer);
        if (!this.ownsResult(consumer)) visit(consumer);
      }
    };
    visit(operation);
    return readers;
  }

  /** All operations that run before this one; cached. */
  ancestorsOf(operation: number): Set<number> {
    let found = this.ancestorSets.get(operation);
    if (found === undefined) {
      found = new Set([operation]);
      for (const ancestor of found) for (const input of this.inputs.get(ancestor) ?? []) found.add(input); // grows as it is walked
      this.ancestorSets.set(operation, found);
    }
    return found;
  }
}
