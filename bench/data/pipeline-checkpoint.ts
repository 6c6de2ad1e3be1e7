// A base-size checkpoint with random weights for pipelines and servers, and images for it.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type RegionFeatures,
  uniformValues,
  VisualBertConfig,
  VisualBertForQuestionAnswering,
  VisualBertProcessor,
  type VisualBertConfigOptions,
} from '../../src/node.js';
import { createTokenizer } from '../../src/platform/node.js';
import { benchCache } from '../subjects/python-env.js';

/** Regions of an image and their width. */
export const [PIPELINE_REGIONS, PIPELINE_DIM] = [36, 2048];

/** A checkpoint with the vocabulary and answers of `data`, created once in the cache. `sizes`: other sizes than base. */
export async function pipelineCheckpoint(
  data: string,
  name = 'pipeline-base',
  sizes: VisualBertConfigOptions = {},
): Promise<string> {
  const path = join(benchCache(), name);
  if (existsSync(join(path, 'vocab.txt'))) return path;
  const answers = readFileSync(join(data, 'answers.txt'), 'utf8').trim().split('\n');
  const id2label = Object.fromEntries(answers.map((answer, i) => [i, answer]));
  const fresh = new VisualBertForQuestionAnswering(
    new VisualBertConfig({ visualEmbeddingDim: PIPELINE_DIM, id2label, ...sizes }),
  );
  await fresh.savePretrained(path);
  fresh.dispose();
  const tokenizer = createTokenizer({ 'vocab.txt': readFileSync(join(data, 'vocab.txt'), 'utf8') });
  await new VisualBertProcessor({ tokenizer, task: 'vqa' }).savePretrained(path);
  return path;
}

export function pipelineRegions(seed: number): RegionFeatures {
  const features = uniformValues(PIPELINE_REGIONS * PIPELINE_DIM, seed, 0, 1);
  return { features, count: PIPELINE_REGIONS, dim: PIPELINE_DIM };
}
