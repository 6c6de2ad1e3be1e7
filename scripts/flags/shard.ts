// The flag for sharding work over several machines.
import type { Shard } from '../../src/node.js';

/** For commands whose parts `visualbert merge` joins. */
export function shardFlag(what: string, group?: string): ShardFlag {
  const describe = `process one part of ${what}, such as 1/4; \`visualbert merge\` joins the parts`;
  return { type: 'string', describe, ...(group !== undefined && { group }) };
}

interface ShardFlag {
  type: 'string';
  describe: string;
  group?: string;
}

/** `2/4`: the second of four parts. @throws Error for anything else */
export function shardOf(text: string | undefined): Shard | undefined {
  if (text === undefined) return undefined;
  const [, index, count] = /^(\d+)\/(\d+)$/.exec(text) ?? [];
  if (index !== undefined && count !== undefined) return { index: Number(index), count: Number(count) };
  throw new Error(`--shard: expected the index of a part and the number of parts, such as 1/4, received ${text}`);
}
