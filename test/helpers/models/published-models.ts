// Small models in place of the authors' published ones, in a hub cache.
import type { SavePretrainedOptions } from '../../../src/models/pretrained/types.js';
import { hubSnapshot } from '../files/hub-cache.js';
import { type ModelName, tinyModel } from './tiny-model.js';

const PUBLISHED: readonly (readonly [id: string, name: ModelName, config: object])[] = [
  ['uclanlp/visualbert-vqa-coco-pre', 'VisualBertForPreTraining', { visualEmbeddingDim: 2048 }],
  ['uclanlp/visualbert-vqa', 'VisualBertForQuestionAnswering', { visualEmbeddingDim: 2048, numLabels: 3129 }],
  ['uclanlp/visualbert-vcr', 'VisualBertForMultipleChoice', { visualEmbeddingDim: 512 }],
  ['uclanlp/visualbert-nlvr2', 'VisualBertForVisualReasoning', { visualEmbeddingDim: 1024, numLabels: 2 }],
];

/** Writes each model below its hub id, with its own feature width and number of labels. */
export async function writePublishedModels(
  cache: string,
  vocabSize: number,
  format: SavePretrainedOptions['format'] = 'safetensors',
): Promise<void> {
  for (const [id, name, config] of PUBLISHED) {
    const model = tinyModel(name, { vocabSize, maxPositionEmbeddings: 64, ...config });
    await model.savePretrained(hubSnapshot(cache, id), { format });
    model.dispose();
  }
}
