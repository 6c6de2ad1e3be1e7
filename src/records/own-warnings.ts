// Warns of suspicious records of own data that match their schema: labels of several types, gaps, ids that look like paths.
import { posix } from 'node:path';
import { counted } from '../words.js';
import type { RegionFeatureSource } from '../features/region-features.js';
import type { JsonRecord } from '../formats/json.js';
import type { RecordProblem } from './own.js';

/** A record of a file, raw and parsed. */
export interface DescribedRecord {
  raw: JsonRecord;
  text: string;
  imageIds: readonly string[];
  isLabelled: boolean;
}

/** Maximum length of texts, and a function that measures them. */
export interface TextLimit {
  /** In word pieces, special tokens included. */
  longest: number;
  /** Word pieces of a text, or a lower bound. */
  lengthOf(text: string): number | Promise<number>;
  isEstimate: boolean;
}

/**
 * All warnings, each with the first record that it concerns: labels of several types, records without label among labelled ones, image
 * ids that look like paths (if no features are given), and texts that will be cut.
 */
export async function recordWarnings(
  records: readonly DescribedRecord[],
  source: RegionFeatureSource | null,
  limit: TextLimit,
): Promise<RecordProblem[]> {
  return [
    ...mixedLabels(records),
    ...unlabelled(records),
    ...(source === null ? pathLikeImages(records) : []),
    ...(await cutTexts(records, limit)),
  ];
}

/** Images without region features, each with its first record: training rejects such records. */
export function missingImages(records: readonly DescribedRecord[], source: RegionFeatureSource): RecordProblem[] {
  return Array.from(recordsByImage(records)).flatMap(([id, [first, ...others]]) => {
    if (first === undefined || source.has(id)) return [];
    const more = others.length === 0 ? '' : `, which ${others.length + 1} records name`;
    const path = pathHint(id);
    const known = path !== null && source.has(fileNameOf(id)) ? ', for which there are features' : '';
    const hint = path === null ? '' : `; ${path}${known}`;
    return [{ where: first.raw.where, problem: `no region features for image ${id}${more}${hint}` }];
  });
}

/** Texts that will be truncated. */
async function cutTexts(
  records: readonly DescribedRecord[],
  { longest, lengthOf, isEstimate }: TextLimit,
): Promise<RecordProblem[]> {
  const lengths = await Promise.all(records.map(({ text }) => lengthOf(text)));
  const cut = records.filter((_, i) => (lengths[i] as number) > longest);
  const [first] = cut;
  if (first === undefined) return [];
  const length = lengths[records.indexOf(first)] as number;
  const others = cut.length === 1 ? '' : `; ${cut.length} texts are longer`;
  const problem = `the text has ${isEstimate ? 'at least ' : ''}${length} word pieces, of which the model reads ${longest} (maxTextLength)${others}`;
  return [{ where: first.raw.where, problem }];
}

/** With mixed types, 1 and "1" become one class, but true and "true" two. */
function mixedLabels(records: readonly DescribedRecord[]): RecordProblem[] {
  const kinds = groupBy(records, ({ raw }) => kindOf((raw.value as Record<string, unknown>)['label']));
  kinds.delete('none');
  if (kinds.size < 2) return [];
  const shown = Array.from(kinds, ([kind, some]) => `${counted(some.length, kind)} (first in ${some[0]?.raw.where})`);
  const [, rare] = [...kinds].reduce((least, one) => (one[1].length < least[1].length ? one : least));
  return [{ where: rare[0]?.raw.where ?? '', problem: `label: of several types: ${shown.join(', ')}; use one` }];
}

function unlabelled(records: readonly DescribedRecord[]): RecordProblem[] {
  const [first, ...others] = records.filter(({ isLabelled }) => !isLabelled);
  if (first === undefined || others.length + 1 === records.length) return [];
  const count = `${others.length + 1} of ${records.length} records ${others.length === 0 ? 'has' : 'have'} none`;
  const problem = `no label; ${count}, and training needs one in each`;
  return [{ where: first.raw.where, problem }];
}

function pathLikeImages(records: readonly DescribedRecord[]): RecordProblem[] {
  return Array.from(recordsByImage(records)).flatMap(([id, [first]]) => {
    const problem = pathHint(id);
    return first === undefined || problem === null ? [] : [{ where: first.raw.where, problem }];
  });
}

function recordsByImage(records: readonly DescribedRecord[]): Map<string, DescribedRecord[]> {
  const byImage = new Map<string, DescribedRecord[]>();
  for (const record of records)
    for (const id of new Set(record.imageIds)) {
      const some = byImage.get(id);
      if (some === undefined) byImage.set(id, [record]);
      else some.push(record);
    }
  return byImage;
}

function fileNameOf(id: string): string {
  return posix.basename(id.replaceAll('\\', '/'));
}

function pathHint(id: string): string | null {
  const name = fileNameOf(id);
  return name === id ? null : `${id} looks like a path; features are found by the name of a file: ${name}`;
}

function kindOf(label: unknown): string {
  return { string: 'text', number: 'number', boolean: 'truth value' }[typeof label as string] ?? 'none';
}

function groupBy<T>(values: readonly T[], keyOf: (value: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const value of values) {
    const group = groups.get(keyOf(value)) ?? [];
    groups.set(keyOf(value), group);
    group.push(value);
  }
  return groups;
}
