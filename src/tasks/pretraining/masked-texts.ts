// Opens pre-training on texts that are composed again in each epoch: captions, and the texts of other tasks.
import { openedWith } from '../../features/region-features.js';
import { readRegions, type RecordKind, recordDatasets, type Splits, type TaskExample } from '../shared/datasets.js';
import type { OpenedTask, TaskContext } from '../shared/opened-task.js';
import type { CommonOptions } from '../shared/options.js';
import { noPredictions, requireNoPrediction } from '../shared/predictions.js';
import { newModelFields, taskProcessor } from '../shared/processor.js';
import { taskRegions } from '../shared/regions.js';
import { createPretrainingTask, type PretrainingRecord, type PretrainingTaskOptions } from './masked-language-task.js';

/** The conversion of a data set's records to masked texts. */
export interface MaskedTextKind<R extends PretrainingRecord> extends Omit<PretrainingTaskOptions<R>, 'processor'> {
  /** All texts of a record, for a vocabulary. */
  fullText(record: R): string;
  record: Pick<RecordKind<R, unknown>, 'name' | 'fingerprint' | 'textLength'>;
  /** Width appended to the features of each region. Default 0. */
  appendedDim?: number;
}

/** Opens records for pre-training. @throws ConfigError for the purpose `predict`; DataError naming records whose image has no regions. */
export async function openMaskedTexts<R extends PretrainingRecord>(
  { fullText, record, appendedDim = 0, ...kind }: MaskedTextKind<R>,
  splits: Splits<R>,
  options: CommonOptions & { features: readonly string[] },
  context: TaskContext,
): Promise<OpenedTask<TaskExample<R>>> {
  requireNoPrediction(kind.name, context);
  return openedWith(await taskRegions(options.features, options, context), async (source) => {
    const width = source.dim + appendedDim;
    const texts = (): string[] => splits.records.map(fullText);
    const withoutAnswers = { ...options, answers: undefined };
    const processor = await taskProcessor('pretraining', withoutAnswers, context, texts, width);
    const recordKind = (): RecordKind<R, TaskExample<R>> => ({
      ...record,
      images: ({ imageIds }) => imageIds,
      example: async (one, _, regions) => ({
        record: one,
        text: { ids: [], typeIds: [] }, // composed in each epoch
        regions: await readRegions(one.imageIds, regions, processor),
      }),
    });
    return {
      task: createPretrainingTask<R>({ ...kind, processor }),
      architecture: 'VisualBertForPreTraining' as const,
      processor,
      ...(await recordDatasets(splits, source, processor, recordKind)),
      config: newModelFields(processor, width, context),
      createPredictions: () => {
        throw noPredictions(kind.name);
      },
      close: () => source.close(),
    };
  });
}
