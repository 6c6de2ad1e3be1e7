// The flag for work that several machines share, and what reads it.
import type { Shard } from '../../src/node.js';

/** Of commands whose parts `visualbert merge` joins. */
export function shardFlag(what: string, group?: string): ShardFlag {
  const describe = `only this part of ${what}, such as 1/4: \`visualbert merge\` joins the parts of several machines`;
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
  throw new Error(`--shard: expected the number of a part and how many there are, such as 1/4, received ${text}`);
}
