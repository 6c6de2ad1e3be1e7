// Pre-training on VCR, after captions and before fine-tuning: masked words, and whether a choice is correct.
import { readVcr, type VcrRecord } from '../../records/vcr.js';
import type { VisualBertProcessor } from '../../processing/processor.js';
import { openedWith } from '../../features/region-features.js';
import { ConfigError } from '../../errors.js';
import { mapSplits, readAll, readSplits, type RecordKind, recordDatasets } from '../shared/datasets.js';
import type { OpenedTask, TaskContext } from '../shared/opened-task.js';
import type { VcrOptions } from '../shared/options.js';
import { noPredictions, requireNoPrediction } from '../shared/predictions.js';
import { newModelFields, taskProcessor } from '../shared/processor.js';
import { taskRegions } from '../shared/regions.js';
import { readVcrQuestion, vcrTexts } from '../vcr/questions.js';
import { createPretrainingTask, type PretrainingExample, type PretrainingRecord } from './masked-language-task.js';

/** One choice of a question: an answer, or a rationale after question and correct answer. */
interface VcrText extends PretrainingRecord {
  record: VcrRecord;
  mode: VcrOptions['mode'];
  choice: number;
  matches: boolean;
}

const NAME = 'vcr-pretraining';
const CHOICES = [0, 1, 2, 3];

/**
 * Each of the four answers to a question, and each of the four rationales to question and correct answer, with the regions and the alignment
 * of fine-tuning. `mode` is ignored: both kinds of text are used.
 */
export async function openVcrPretraining(
  options: VcrOptions,
  context: TaskContext,
): Promise<OpenedTask<PretrainingExample<VcrText>>> {
  requireNoPrediction(NAME, context);
  const splits = await readSplits((paths) => readAll(paths, readVcr), options.data, options.validationData);
  const processor = await taskProcessor('vcr', options, context, () => splits.records.flatMap(vcrTexts));
  const texts = mapSplits(splits, (records) => records.flatMap(textsOf));
  return openedWith(await taskRegions(options.features, options, context), async (source) => ({
    task: createPretrainingTask<VcrText>({ name: NAME, processor, compose: ({ matches }) => ({ matches }) }),
    architecture: 'VisualBertForPreTraining' as const,
    processor,
    ...(await recordDatasets(texts, source, processor, () => textKind(options, processor))),
    config: newModelFields(processor, source.dim, context),
    createPredictions: () => {
      throw noPredictions(NAME);
    },
    close: () => source.close(),
  }));
}

function textKind(
  { alignment, names }: VcrOptions,
  processor: VisualBertProcessor,
): RecordKind<VcrText, PretrainingExample<VcrText>> {
  return {
    name: ({ record }) => `annotation ${record.annotId}`,
    images: ({ imageIds }) => imageIds,
    // An annotation is the same in each of its texts.
    fingerprint: ({ key, record, mode, choice }) => (mode === 'answer' && choice === 0 ? JSON.stringify(record) : key),
    example: async (one, _, source) => {
      const { record, mode, choice } = one;
      const { regions, choices } = await readVcrQuestion(record, mode, {
        given: mode === 'answer' ? null : record.answerLabel,
        ...{ processor, source, alignment, names, chosen: [choice] },
      });
      const [{ text, positions } = { text: { ids: [], typeIds: [] }, positions: [] }] = choices;
      return { record: one, text, regions: [regions], positions };
    },
    textLength: ({ record, mode, choice }) => {
      const { question, answers, rationales, answerLabel } = record;
      const read =
        mode === 'answer' ? answers[choice] : [...(answers[answerLabel ?? 0] ?? []), ...(rationales[choice] ?? [])];
      return question.length + (read?.length ?? 0) + 3;
    },
    regionCount: ({ record }) => record.objects.length + 1,
  };
}

function textsOf(record: VcrRecord): VcrText[] {
  const { annotId, imageId, answerLabel, rationaleLabel } = record;
  if (answerLabel === null || rationaleLabel === null)
    throw new ConfigError(`task ${NAME}: annotation ${annotId} has no labels`);
  const labels = [['answer', answerLabel] as const, ['rationale', rationaleLabel] as const];
  return labels.flatMap(([mode, label]) =>
    CHOICES.map((choice) => ({
      ...{ key: `${annotId} ${mode} ${choice}`, imageIds: [imageId] },
      ...{ record, mode, choice, matches: choice === label },
    })),
  );
}
