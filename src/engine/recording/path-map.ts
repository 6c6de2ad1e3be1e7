// A map whose keys are sequences, compared element by element: dtypes and sizes of shapes, without a text made of them.

interface Branch<Key, Value> {
  value: Value | undefined;
  readonly branches: Map<Key, Branch<Key, Value>>;
}

/** One value for each sequence. Elements are compared as those of a Map: 0 and -0 are equal. */
export class PathMap<Key, Value extends object> {
  private readonly root: Branch<Key, Value> = { value: undefined, branches: new Map() };

  /** The value of a sequence; created and stored when there is none yet. */
  get(path: Iterable<Key>, make: () => Value): Value {
    let branch = this.root;
    for (const key of path) {
      let next = branch.branches.get(key);
      if (next === undefined) branch.branches.set(key, (next = { value: undefined, branches: new Map() }));
      branch = next;
    }
    return (branch.value ??= make());
  }
}
