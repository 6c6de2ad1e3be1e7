// The checkpoints that the authors published on the hub, with facts that their files do not contain.

/** A published checkpoint. */
export interface PublishedCheckpoint {
  /** Its class, by transformers' name. */
  readonly architecture: string;
  /** Width of its region features. */
  readonly visualEmbeddingDim: number;
  /** The name of the detector whose regions it was trained with; `vcr-r50` is the network inside the authors' VCR checkpoint. */
  readonly detector: string;
  /** Address of the list of answers, for a checkpoint without class names. */
  readonly answers?: string;
}

type Regions = Pick<PublishedCheckpoint, 'visualEmbeddingDim' | 'detector'>;

const VQA: Regions = { visualEmbeddingDim: 2048, detector: 'mmf-x101' };
const NLVR2: Regions = { visualEmbeddingDim: 1024, detector: 'detectron1-r101-fpn' };
const VCR: Regions = { visualEmbeddingDim: 512, detector: 'vcr-r50' };

const preTraining = (regions: Regions): PublishedCheckpoint => ({
  architecture: 'VisualBertForPreTraining',
  ...regions,
});

/**
 * Checkpoints by id on the hub.
 * @see https://huggingface.co/uclanlp
 * @see uclanlp/visualbert README: Pythia's `detectron_fix_100` features for COCO and VQA, Detectron's 35861858 for NLVR2, R2C's ResNet for VCR
 */
export const PUBLISHED_CHECKPOINTS: ReadonlyMap<string, PublishedCheckpoint> = new Map([
  [
    'uclanlp/visualbert-vqa',
    {
      architecture: 'VisualBertForQuestionAnswering',
      ...VQA,
      answers: 'https://dl.fbaipublicfiles.com/pythia/data/answers_vqa.txt',
    },
  ],
  ['uclanlp/visualbert-vqa-pre', preTraining(VQA)],
  ['uclanlp/visualbert-vqa-coco-pre', preTraining(VQA)],
  ['uclanlp/visualbert-nlvr2', { architecture: 'VisualBertForVisualReasoning', ...NLVR2 }],
  ['uclanlp/visualbert-nlvr2-pre', preTraining(NLVR2)],
  ['uclanlp/visualbert-nlvr2-coco-pre', preTraining(NLVR2)],
  ['uclanlp/visualbert-vcr', { architecture: 'VisualBertForMultipleChoice', ...VCR }],
  ['uclanlp/visualbert-vcr-pre', preTraining(VCR)],
  ['uclanlp/visualbert-vcr-coco-pre', preTraining(VCR)],
]);

/** A published checkpoint by its id, or by the name of a folder or an address of a copy (`models/visualbert-vqa`); null for any other. */
export function publishedCheckpoint(where: string): PublishedCheckpoint | null {
  const name =
    where
      .replace(/[/\\]+$/, '')
      .split(/[/\\]/)
      .at(-1) ?? '';
  return PUBLISHED_CHECKPOINTS.get(`uclanlp/${name}`) ?? null;
}
