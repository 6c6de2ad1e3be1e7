// Small checkpoints of every class in folders, for pipelines, and images for them.
import { VisualBertConfig, type VisualBertConfigOptions } from '../../../src/config/config.js';
import type { RegionColumn, RegionFeatures } from '../../../src/features/region-features.js';
import { createTokenizer } from '../../../src/platform/node.js';
import { VisualBertProcessor } from '../../../src/processing/processor.js';
import type { TextFormName } from '../../../src/processing/text-forms.js';
import { buildVocabulary } from '../../../src/processing/word-vocabulary.js';
import { uniformValues } from '../../../src/random/values.js';
import { MODEL_CLASSES } from '../../../src/models/model-classes.js';
import { temporaryFolder } from '../files/temporary-folder.js';

/** Width of the regions of `regionsOfImage`. */
export const REGION_DIM = 5;
const WORDS = 'what is the small dog near a red ball doing yes no man in hat person casey riley and why , . ?';
export const VOCABULARY = buildVocabulary([WORDS]);

/** Writes a checkpoint with fixed weights that are far from 0, its vocabulary and, with `task`, its text form. */
export async function writeCheckpoint(
  name: keyof typeof MODEL_CLASSES,
  { task, config = {} }: { task?: TextFormName; config?: VisualBertConfigOptions } = {},
): Promise<string> {
  const folder = temporaryFolder();
  const sizes = { hiddenSize: 12, numHiddenLayers: 2, numAttentionHeads: 4, intermediateSize: 9 };
  const widths = { vocabSize: VOCABULARY.length, visualEmbeddingDim: REGION_DIM, maxPositionEmbeddings: 64 };
  const model = new MODEL_CLASSES[name](
    new VisualBertConfig({ ...sizes, ...widths, initializerRange: 0.8, ...config }),
    { seed: 3 },
  );
  await model.savePretrained(folder);
  model.dispose();
  const tokenizer = createTokenizer({ 'vocab.txt': VOCABULARY.join('\n') });
  await new VisualBertProcessor({ tokenizer, task: task ?? 'plain' }).savePretrained(folder);
  return folder;
}

/** Regions of an image with boxes in a picture of 80 x 60 pixels; other seeds give other ones. */
export function regionsOfImage(seed: number, count = 6): Required<Omit<RegionFeatures, RegionColumn>> {
  const features = uniformValues(count * REGION_DIM, seed, 0, 1).map((x) => 9 * x - 4.5);
  const boxes = Float32Array.from(Array.from({ length: count }, (_, i) => [10 * i, 5, 10 * i + 12, 30]).flat());
  return { features, count, dim: REGION_DIM, boxes, imageWidth: 80, imageHeight: 60 };
}
