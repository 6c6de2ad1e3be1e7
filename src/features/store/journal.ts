// The journal of an unfinished store: a line with its traits, then a line for each complete image.
import { exists, readText, writeTextAtomic } from '#platform';
import { DataError } from '../../errors.js';
import type { Shard } from '../../shard.js';
import type { StoredDetector } from '../detector-identity.js';
import { differences } from './differences.js';
import { isEntry, type StoreEntry, type StoreForm } from './layout.js';

/** Properties of all images of a store; a later run must have the same. */
export interface StoreTraits extends StoreForm {
  /** How the features are made. */
  origin: string;
  detector?: StoredDetector | undefined;
  /** The part of all images that the store is to hold; default: all. */
  shard?: Shard | undefined;
}

/** A complete image of an unfinished store. */
export interface JournalEntry {
  readonly entry: StoreEntry;
  /** What its regions were made from, such as a digest of its picture. */
  readonly madeFrom?: string | undefined;
}

/** Replaces a journal. */
export async function writeJournal(path: string, traits: StoreTraits, images: readonly JournalEntry[]): Promise<void> {
  await writeTextAtomic(path, `${JSON.stringify(traits)}\n${images.map(journalLine).join('')}`);
}

/** The line of one image. */
export function journalLine({ entry, madeFrom }: JournalEntry): string {
  return `${JSON.stringify(madeFrom === undefined ? entry : [...entry, madeFrom])}\n`;
}

/** Entries of a journal, as far as it is readable. @throws DataError when it is of another store. */
export async function readJournal(journal: string, traits: StoreTraits, part: string): Promise<JournalEntry[]> {
  if (!(await exists(journal))) return [];
  const [begun, ...lines] = (await readText(journal)).split('\n').map(parseLine);
  if (begun === undefined) return [];
  const change = changedTraits(begun, traits);
  if (change !== null)
    throw new DataError(`${journal}: was started with ${change}; remove it and ${part} to start over`);
  const entries = lines.map(parseEntry);
  const end = entries.indexOf(null);
  return (end < 0 ? entries : entries.slice(0, end)) as JournalEntry[];
}

/** The differences between the traits of two runs; null when there is none. */
function changedTraits(begun: unknown, now: StoreTraits): string | null {
  const changed = differences(typeof begun === 'object' && begun !== null ? begun : {}, now);
  if (changed.length === 0) return null;
  const before = changed.map(({ name, here }) => `${name} ${here}`).join(', ');
  return `${before}, now ${changed.map(({ name, there }) => `${name} ${there}`).join(', ')}`;
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return undefined; // an incomplete line
  }
}

/** Null for anything else. */
function parseEntry(value: unknown): JournalEntry | null {
  if (!Array.isArray(value)) return null;
  const [entry, madeFrom] = [value.slice(0, ENTRY_LENGTH), value[ENTRY_LENGTH] as unknown];
  return isEntry(entry) ? { entry, ...(typeof madeFrom === 'string' && { madeFrom }) } : null;
}

/** Fields of a store's entry, which a line begins with. */
const ENTRY_LENGTH = 7;
