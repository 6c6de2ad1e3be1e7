// The checkpoints that the authors published on the hub, so that a wrong class or width is reported before a download.
import type { Architecture } from './classify.js';

/** A published checkpoint. */
export interface KnownCheckpoint {
  architecture: Architecture;
  /** Width of its region features. */
  visualEmbeddingDim: number;
  /** Labels of its head; null for heads without a choice. */
  numLabels: number | null;
}

const preTraining = (visualEmbeddingDim: number): KnownCheckpoint => ({
  architecture: 'VisualBertForPreTraining',
  visualEmbeddingDim,
  numLabels: null,
});

/** By repository id. @see https://huggingface.co/uclanlp */
export const KNOWN_CHECKPOINTS: Readonly<Record<string, KnownCheckpoint>> = {
  'uclanlp/visualbert-vqa': {
    architecture: 'VisualBertForQuestionAnswering',
    visualEmbeddingDim: 2048,
    numLabels: 3129,
  },
  'uclanlp/visualbert-vqa-pre': preTraining(2048),
  'uclanlp/visualbert-vqa-coco-pre': preTraining(2048),
  'uclanlp/visualbert-nlvr2': { architecture: 'VisualBertForVisualReasoning', visualEmbeddingDim: 1024, numLabels: 2 },
  'uclanlp/visualbert-nlvr2-pre': preTraining(1024),
  'uclanlp/visualbert-nlvr2-coco-pre': preTraining(1024),
  'uclanlp/visualbert-vcr': { architecture: 'VisualBertForMultipleChoice', visualEmbeddingDim: 512, numLabels: 1 },
  'uclanlp/visualbert-vcr-pre': preTraining(512),
  'uclanlp/visualbert-vcr-coco-pre': preTraining(512),
};
