// The tasks of pipelines by their names.
import type { PipelineName } from './contract.js';
import type { PipelineDefinition } from './head.js';
import { featureExtraction } from './heads/feature-extraction.js';
import { fillMask } from './heads/fill-mask.js';
import { imageTextMatching } from './heads/image-text-matching.js';
import { multipleChoice } from './heads/multiple-choice.js';
import { phraseGrounding } from './heads/phrase-grounding.js';
import { questionAnswering } from './heads/question-answering.js';
import { visualReasoning } from './heads/visual-reasoning.js';

const DEFINITIONS: { readonly [T in PipelineName]: PipelineDefinition<T> } = {
  'visual-question-answering': questionAnswering,
  'visual-reasoning': visualReasoning,
  'visual-multiple-choice': multipleChoice,
  'phrase-grounding': phraseGrounding,
  'fill-mask': fillMask,
  'image-text-matching': imageTextMatching,
  'feature-extraction': featureExtraction,
};

/** Names of the tasks. */
export const PIPELINE_NAMES = Object.keys(DEFINITIONS) as PipelineName[];

/** The task of a name; undefined for any other text. */
export function definitionOf<T extends PipelineName>(task: T): PipelineDefinition<T> | undefined {
  return Object.hasOwn(DEFINITIONS, task) ? DEFINITIONS[task] : undefined;
}

/** The tasks of a class, by its name in `architectures`. */
export function tasksOfClass(className: string): PipelineName[] {
  return PIPELINE_NAMES.filter((name) => DEFINITIONS[name].Model.className === className);
}
