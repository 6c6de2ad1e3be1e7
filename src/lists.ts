// Lists: in chunks, and with the work on their items started ahead of the reader.

/**
 * Splits a list into consecutive chunks of `size` elements; the last may be shorter.
 * @param size a whole number of at least 1
 */
export function chunk<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}

/**
 * Runs `make` for a few items ahead of the reader; a new one starts while the reader works, not while it waits.
 * Results come in order; an error is thrown in place of its item.
 */
export async function* prefetch<T, R>(
  items: readonly T[],
  ahead: number,
  make: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const pending: Promise<R>[] = [];
  let next = 0;
  const fill = (): void => {
    while (next < items.length && pending.length <= ahead) {
      const made = make(items[next++] as T);
      made.catch(() => undefined); // reported when it is awaited
      pending.push(made);
    }
  };
  try {
    for (;;) {
      if (pending.length === 0) fill();
      const first = pending.shift();
      if (first === undefined) return;
      const made = await first;
      setTimeout(fill, 0);
      yield made;
    }
  } finally {
    next = items.length; // the reader stopped early
    await Promise.allSettled(pending); // the caller may close their source next
  }
}
