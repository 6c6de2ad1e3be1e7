// The checkpoints of test/fixtures/make_explanations.py, each with an input and what PyTorch computed for it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RemovedParts } from '../../../src/explain/removal.js';
import type { PipelineInput, PipelineName } from '../../../src/pipelines/contract.js';

export const EXPLANATIONS = join('test', 'fixtures', 'explanations');

/** What transformers on PyTorch says of a checkpoint and an input. */
export interface ExplanationFixture {
  task: PipelineName;
  input: object;
  regions: number[][][];
  asked: number;
  answer: number;
  probability: number;
  position: number;
  words: number[][];
  attention: number[][][][];
  gradient: number[][][][];
  raw: number[];
  rollout: number[];
  relevance: number[];
  leaveOut: { words: (number | null)[]; regions: number[] };
  pairs?: number[][];
  /** Logits while regions and words are removed in the order of their relevance, at each share. */
  removal?: Partial<Record<RemovedParts, { most: number[][]; least: number[][] }>>;
}

export function readExplanation(name: string): ExplanationFixture {
  return JSON.parse(readFileSync(join(EXPLANATIONS, name, 'expected.json'), 'utf8')) as ExplanationFixture;
}

/** The input of a pipeline, with its images as arrays. */
export function inputOf({
  input,
  regions,
  task,
}: Pick<ExplanationFixture, 'input' | 'regions' | 'task'>): PipelineInput<PipelineName> {
  const images = regions.map((rows) => ({
    dtype: 'float32' as const,
    shape: [rows.length, rows[0]?.length ?? 0],
    data: Float32Array.from(rows.flat()),
  }));
  const given = task === 'visual-reasoning' ? images : images[0];
  return { ...input, regions: given } as PipelineInput<PipelineName>;
}
