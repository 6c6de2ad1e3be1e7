// Shards of work for several machines: the items of one shard, and the check that all shards are present.
import { ConfigError } from './errors.js';

/** `{ index: 1, count: 4 }` is the first of four parts. */
export interface Shard {
  readonly index: number;
  readonly count: number;
}

/** A shard as text: `2/4`. */
export function shardText({ index, count }: Shard): string {
  return `${index}/${count}`;
}

/** Whether a value is a shard: whole numbers, from 1. */
export function isShard(value: unknown): value is Shard {
  if (typeof value !== 'object' || value === null) return false;
  const { index, count } = value as Partial<Shard>;
  return (
    Number.isSafeInteger(index) && Number.isSafeInteger(count) && 1 <= Number(index) && Number(index) <= Number(count)
  );
}

/**
 * The items of a shard: a contiguous range. The shards cover the list, and their sizes differ by at most one.
 * @throws ConfigError for an invalid shard, or more shards than items
 */
export function itemsOfShard<T>(items: readonly T[], shard: Shard, what: string): readonly T[] {
  if (!isShard(shard)) {
    throw new ConfigError(
      `shard: expected the number of a part and the number of parts, such as 1/4 to 4/4, received ${shardText(shard)}`,
    );
  }
  const { index, count } = shard;
  if (count > items.length) {
    throw new ConfigError(`shard: expected at most ${items.length} parts of ${what}, received ${shardText(shard)}`);
  }
  const start = (part: number): number => Math.floor((items.length * part) / count);
  return items.slice(start(index - 1), start(index));
}

/**
 * Sorts parts by their number.
 * @param shardOf the shard of an item.
 * @throws ConfigError when a part is missing, occurs twice, or belongs to another division
 */
export function inShardOrder<T extends { readonly name: string }>(
  parts: readonly T[],
  shardOf: (part: T) => Shard,
): readonly T[] {
  const [first] = parts;
  if (first === undefined) throw new ConfigError('merge: expected the parts of a result, received none');
  const { count } = shardOf(first);
  const found = new Map<number, T>();
  for (const part of parts) {
    const shard = shardOf(part);
    if (shard.count !== count) {
      throw new ConfigError(`${part.name}: is part ${shardText(shard)}, ${first.name} is one of ${count}`);
    }
    const other = found.get(shard.index);
    if (other !== undefined) throw new ConfigError(`${part.name} and ${other.name}: both are part ${shardText(shard)}`);
    found.set(shard.index, part);
  }
  const missing = Array.from({ length: count }, (_, i) => i + 1).filter((index) => !found.has(index));
  if (missing.length > 0) {
    throw new ConfigError(`merge: missing part ${missing.map((index) => shardText({ index, count })).join(', ')}`);
  }
  return [...found].sort(([a], [b]) => a - b).map(([, part]) => part);
}
