// A run of the shapes example as its pages need it: a small model with fresh weights, its vocabulary and processor.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SHAPES_RECIPE } from '../../../examples/shapes/recipe.js';
import {
  buildVocabulary,
  pixelFeatureDim,
  VisualBertConfig,
  VisualBertForQuestionAnswering,
  VisualBertProcessor,
} from '../../../src/node.js';

const ANSWERS = ['<unk>', 'yes', 'no', 'red', 'blue', '0', '1'];

/** Saves a model for questions about shapes into a folder. @param text holds the words of its vocabulary */
export async function saveShapesRun(folder: string, text: string): Promise<void> {
  const vocabulary = buildVocabulary([text]);
  const model = new VisualBertForQuestionAnswering(
    new VisualBertConfig({
      ...SHAPES_RECIPE.model,
      vocabSize: vocabulary.length,
      visualEmbeddingDim: pixelFeatureDim(SHAPES_RECIPE.features),
      id2label: { ...ANSWERS },
    }),
    { seed: 1 },
  );
  await model.savePretrained(folder);
  model.dispose();
  writeFileSync(join(folder, 'vocab.txt'), vocabulary.join('\n'));
  await (await VisualBertProcessor.fromPretrained(folder, { task: 'vqa' })).savePretrained(folder);
}
