// Pre-training on VCR between the captions and the fine-tuning: masked words, and whether a choice is the right one.
import { readVcr, type VcrRecord } from '../../records/vcr.js';
import type { VisualBertProcessor } from '../../processing/processor.js';
import { openedWith, type RegionFeatureSource } from '../../features/region-features.js';
import { ConfigError, DataError } from '../../errors.js';
import type { Dataset } from '../../training/task.js';
import type { OpenedTask, TaskContext } from '../shared/opened-task.js';
import type { VcrOptions } from '../shared/options.js';
import { createPretrainingTask, type PretrainingExample, type PretrainingRecord } from './masked-language-task.js';
import { fingerprintOf, newModelFields, requireImages, taskProcessor, taskRegions } from '../shared/task-parts.js';
import { readVcrQuestion, vcrTexts } from '../vcr/questions.js';

/** One choice of a question: an answer, or a rationale behind question and right answer. */
interface VcrText extends PretrainingRecord {
  record: VcrRecord;
  mode: VcrOptions['mode'];
  choice: number;
  matches: boolean;
}

const CHOICES = [0, 1, 2, 3];

/**
 * Each of the four answers to a question, and each of the four rationales to question and right answer, with the regions and the alignment
 * of fine-tuning. `mode` is not looked at: both kinds of text are read.
 */
export async function openVcrPretraining(
  options: VcrOptions,
  context: TaskContext,
): Promise<OpenedTask<PretrainingExample<VcrText>>> {
  if (context.purpose === 'predict')
    throw new ConfigError('task vcr-pretraining: there is nothing to predict; train or evaluate it');
  const read = async (paths: readonly string[]): Promise<VcrRecord[]> => (await Promise.all(paths.map(readVcr))).flat();
  const records = await read(options.data);
  const validation = options.validationData === undefined ? null : await read(options.validationData);
  const processor = await taskProcessor('vcr', options, context, () => records.flatMap(vcrTexts));
  return openedWith(await taskRegions(options.features, options, context), (source) => {
    const dataset = (all: readonly VcrRecord[], regions: RegionFeatureSource): Dataset<PretrainingExample<VcrText>> =>
      vcrTextDataset(all, options, processor, regions);
    return {
      task: createPretrainingTask<VcrText>({
        name: 'vcr-pretraining',
        processor,
        compose: ({ matches }) => ({ matches }),
      }),
      modelClass: 'VisualBertForPreTraining',
      processor,
      data: dataset(records, source),
      validation: validation === null ? null : dataset(validation, source.validation),
      config: newModelFields(processor, source.dim, context),
      createPredictions: () => {
        throw new ConfigError('task vcr-pretraining: there is nothing to predict');
      },
      close: () => source.close(),
    };
  });
}

function vcrTextDataset(
  records: readonly VcrRecord[],
  { alignment, names }: VcrOptions,
  processor: VisualBertProcessor,
  source: RegionFeatureSource,
): Dataset<PretrainingExample<VcrText>> {
  requireImages(
    source,
    records.map(({ annotId, imageId }) => [`annotation ${annotId}`, [imageId]] as const),
  );
  const texts = records.flatMap(textsOf);
  return {
    length: texts.length,
    fingerprint: fingerprintOf(records.map((record) => JSON.stringify(record))),
    example: async (index) => {
      const one = texts[index];
      if (one === undefined) throw new DataError(`example ${index}: the data set has ${texts.length}`);
      const { record, mode, choice } = one;
      const { regions, choices } = await readVcrQuestion(record, mode, {
        given: mode === 'answer' ? null : record.answerLabel,
        ...{ processor, source, alignment, names, chosen: [choice] },
      });
      const [{ text, places } = { text: { ids: [], typeIds: [] }, places: [] }] = choices;
      return { record: one, text, images: [regions], places };
    },
    sizeOf: (index) => {
      const { record, mode, choice } = texts[index] as VcrText;
      const { question, answers, rationales, answerLabel, objects } = record;
      const read =
        mode === 'answer' ? answers[choice] : [...(answers[answerLabel ?? 0] ?? []), ...(rationales[choice] ?? [])];
      return { text: question.length + (read?.length ?? 0) + 3, regions: objects.length + 1 };
    },
  };
}

function textsOf(record: VcrRecord): VcrText[] {
  const { annotId, imageId, answerLabel, rationaleLabel } = record;
  if (answerLabel === null || rationaleLabel === null)
    throw new ConfigError(`task vcr-pretraining: annotation ${annotId} has no labels`);
  const labels = [['answer', answerLabel] as const, ['rationale', rationaleLabel] as const];
  return labels.flatMap(([mode, label]) =>
    CHOICES.map((choice) => ({
      ...{ key: `${annotId} ${mode} ${choice}`, imageIds: [imageId] },
      ...{ record, mode, choice, matches: choice === label },
    })),
  );
}
