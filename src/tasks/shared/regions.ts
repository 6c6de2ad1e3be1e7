// The region features of a task: cached, and replaced for control experiments.
import { VisualBertConfig } from '../../config/config.js';
import { isBadData } from '../../features/indexed-source.js';
import { openRegionFeatures } from '../../features/open.js';
import { openedWith, type RegionFeatureSource } from '../../features/region-features.js';
import { cachedSource, shuffledRegions, warnAboutMixture, withoutRegions } from '../../features/wrappers.js';
import { DataError } from '../../errors.js';
import { defined } from '../../options.js';
import type { TaskContext } from './opened-task.js';
import type { CommonOptions } from './options.js';

/** The regions of a task's examples, and those of its validation examples: the same unless the options differ. */
export interface TaskRegions extends RegionFeatureSource {
  readonly validation: RegionFeatureSource;
  /** Whether examples of images without usable regions are left out, instead of being an error. */
  readonly skipBadImages: boolean;
}

/**
 * Opens region features with the cache and the control of the options. Closing also closes those of validation.
 * @throws DataError when the validation features have another width.
 */
export async function taskRegions(
  source: RegionFeatureSource | readonly string[],
  options: CommonOptions,
  context: TaskContext,
): Promise<TaskRegions> {
  const dim = await modelWidth(context);
  const { skipBadImages } = options;
  const open = async (one: RegionFeatureSource | readonly string[]): Promise<RegionFeatureSource> => {
    const opened = await openControlled(one, options, context, dim);
    return skipBadImages ? opened : withAdvice(opened);
  };
  const first = await open(source);
  if (options.validationFeatures === undefined) return { ...first, validation: first, skipBadImages };
  const validation = await openedWith(first, () => open(options.validationFeatures ?? []));
  const close = async (): Promise<void> => void (await Promise.all([first.close(), validation.close()]));
  warnAboutMixture(first, validation);
  if (validation.dim === first.dim) return { ...first, validation, skipBadImages, close };
  await close();
  throw new DataError(
    `${validation.name}: its features are ${validation.dim} wide, those of ${first.name} ${first.dim}`,
  );
}

/** The width of the model's regions, which distinguishes the axes of grids; undefined for a new model without one. */
async function modelWidth({ model, visualEmbeddingDim }: TaskContext): Promise<number | undefined> {
  return model === null ? visualEmbeddingDim : (await VisualBertConfig.fromPretrained(model)).visualEmbeddingDim;
}

async function openControlled(
  source: RegionFeatureSource | readonly string[],
  options: CommonOptions,
  { seed = 0 }: TaskContext,
  dim: number | undefined,
): Promise<RegionFeatureSource> {
  const { grid, cells, look } = options;
  const opened = 'read' in source ? source : await openRegionFeatures(source, defined({ grid, cells, look, dim }));
  const cached = cachedSource(opened, options.cacheMb * 2 ** 20);
  if (options.regions === 'zeroed') return withoutRegions(cached);
  return options.regions === 'shuffled' ? shuffledRegions(cached, seed) : cached;
}

/** The source, with advice on `skipBadImages` in errors about an image. */
function withAdvice(source: RegionFeatureSource): RegionFeatureSource {
  return {
    ...source,
    read: (id) =>
      source.read(id).catch((error: unknown) => {
        if (!isBadData(error)) throw error;
        throw new DataError(`${error.message}; skipBadImages: true leaves such images out and lists them`, {
          cause: error,
        });
      }),
  };
}
