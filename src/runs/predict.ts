// One question about one image: the most likely answers of a trained model.
import { VisualBertConfig } from '../config.js';
import { openRegionFeatures } from '../features/open.js';
import type { PixelFeatureOptions } from '../features/pixels.js';
import { type DecodedAnswer, VisualBertProcessor } from '../processing/processor.js';
import { ConfigError, DataError } from '../errors.js';
import { createForwardPass } from '../training/step/forward.js';
import { createRunModel, MODEL_CLASSES } from './model-classes.js';
import type { ModelClassName } from '../tasks/shared/opened-task.js';

export interface PredictOptions {
  /** Run folder, model folder or hub id. */
  model: string;
  /** The question, or the statement to judge. */
  question: string;
  /** Region features: any form that `openRegionFeatures` takes. */
  features: string | readonly string[];
  /** Which image; may be left out when the features hold one only. NLVR2: two ids. */
  images?: readonly string[];
  /** The answers of a checkpoint that names none. */
  answers?: string;
  /** Of features from pictures: as in training. */
  grid?: number;
  cells?: number;
  look?: PixelFeatureOptions['look'];
  /** How many answers; default 5. */
  topK?: number;
}

/** The best answers first, with their probabilities. @throws ConfigError for a model without answers; DataError for an absent image */
export async function predictAnswers(options: PredictOptions): Promise<DecodedAnswer[]> {
  const { model: source, question, topK = 5, grid, cells, look } = options;
  const processor = await VisualBertProcessor.fromPretrained(
    source,
    options.answers === undefined ? {} : { answers: options.answers },
  );
  const modelClass = await classOf(source);
  const features = await openRegionFeatures(options.features, {
    ...(grid === undefined ? {} : { grid }),
    ...(cells === undefined ? {} : { cells }),
    ...(look === undefined ? {} : { look }),
  });
  try {
    const regions = await Promise.all(chooseImages(features, options.images).map((id) => features.read(id)));
    const inputs = await processor({ text: question, visualEmbeds: regions });
    const model = await createRunModel({ modelClass, model: source, dataConfig: {}, seed: 0 });
    const forward = await createForwardPass(model, { compile: false }); // one pass: recording would cost more than it saves
    try {
      const { logits } = await forward.outputs(inputs);
      if (logits === undefined) throw new ConfigError(`${source}: a ${modelClass} gives no answers`);
      return processor.decodeAnswers(logits, { topK })[0] ?? [];
    } finally {
      await forward.dispose();
      model.dispose();
    }
  } finally {
    await features.close();
  }
}

async function classOf(source: string): Promise<ModelClassName> {
  const { architectures } = (await VisualBertConfig.fromPretrained(source)).extra;
  const name = Array.isArray(architectures) ? String(architectures[0]) : '';
  if (name in MODEL_CLASSES) return name as ModelClassName;
  throw new ConfigError(
    `${source}: its config.json names no class that answers questions (architectures: ${name || 'none'})`,
  );
}

function chooseImages(
  features: { name: string; ids(): Iterable<string> },
  images: readonly string[] | undefined,
): readonly string[] {
  if (images !== undefined) return images;
  const [first, second] = features.ids();
  if (first === undefined) throw new DataError(`${features.name}: it holds no image`);
  if (second !== undefined)
    throw new DataError(`${features.name}: it holds several images (${first}, ${second}, ...); say which with --image`);
  return [first];
}
