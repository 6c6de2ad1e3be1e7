// The list of images that `--shard` divides, as each part records it: only parts of one list make a whole.
import { createHash } from 'node:crypto';
import { DataError } from '../../errors.js';
import { isTable } from '../../options.js';
import { counted } from '../../words.js';

/** A list of images, divided into parts. */
export interface DividedList {
  readonly images: number;
  /** SHA-256 of the ids in their order, in hex. */
  readonly ids: string;
  /** Images that are never divided, since they are computed together. */
  readonly batchSize: number;
}

/** Describes a list for its parts. */
export function dividedList(ids: readonly string[], batchSize = 1): DividedList {
  const digest = createHash('sha256').update(JSON.stringify(ids)).digest('hex');
  return { images: ids.length, ids: digest, batchSize };
}

/** Whether a value read from JSON is such a list. */
export function isDividedList(value: unknown): value is DividedList {
  if (!isTable(value)) return false;
  const { images, ids, batchSize } = value;
  return Number.isSafeInteger(images) && typeof ids === 'string' && Number.isSafeInteger(batchSize);
}

/** @throws DataError when two parts are of different lists, or were divided between other images */
export function requireSameList(part: { name: string; list: DividedList }, first: typeof part): void {
  const [here, there] = [part.list, first.list];
  if (here.images !== there.images)
    throw new DataError(
      `${part.name}: is a part of ${counted(here.images, 'image')}, ${first.name} of ${there.images}; make all parts from the same images`,
    );
  if (here.ids !== there.ids)
    throw new DataError(
      `${part.name}: is a part of other images than ${first.name}, although both are of ${here.images}; make all parts from the same images`,
    );
  if (here.batchSize !== there.batchSize)
    throw new DataError(
      `${part.name}: was made with --batch-size ${here.batchSize}, ${first.name} with ${there.batchSize}; make all parts in the same way`,
    );
}
