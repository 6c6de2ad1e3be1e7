// The published checkpoints, and the detector whose regions each was trained with.
import { type DetectorIdentity, VCR_FEATURE_EXTRACTOR } from '../features/detector-identity.js';

/** What is known of a checkpoint beyond its files. */
export interface PublishedCheckpoint {
  /** The name of its detector: see `namedDetector`; or `VCR_FEATURE_EXTRACTOR`, the network inside the authors' VCR checkpoint. */
  readonly detector: string;
  /** Address of the list of answers, of a checkpoint whose classes have no names. */
  readonly answers?: string;
}

const VQA: PublishedCheckpoint = { detector: 'mmf-x101' };
const NLVR2: PublishedCheckpoint = { detector: 'detectron1-r101-fpn' };
const VCR: PublishedCheckpoint = { detector: VCR_FEATURE_EXTRACTOR };

/**
 * By id on the hub.
 * @see uclanlp/visualbert README: Pythia's `detectron_fix_100` features for COCO and VQA, Detectron's 35861858 for NLVR2, R2C's ResNet for VCR
 */
const CHECKPOINTS: Readonly<Record<string, PublishedCheckpoint>> = {
  'uclanlp/visualbert-vqa': { ...VQA, answers: 'https://dl.fbaipublicfiles.com/pythia/data/answers_vqa.txt' },
  'uclanlp/visualbert-vqa-pre': VQA,
  'uclanlp/visualbert-vqa-coco-pre': VQA,
  'uclanlp/visualbert-nlvr2': NLVR2,
  'uclanlp/visualbert-nlvr2-pre': NLVR2,
  'uclanlp/visualbert-nlvr2-coco-pre': NLVR2,
  'uclanlp/visualbert-vcr': VCR,
  'uclanlp/visualbert-vcr-pre': VCR,
  'uclanlp/visualbert-vcr-coco-pre': VCR,
};

/** A published checkpoint by its id, or by the name of a folder, an address or a copy of it (`models/visualbert-vqa`); null for any other. */
export function publishedCheckpoint(where: string): PublishedCheckpoint | null {
  const name =
    where
      .replace(/[/\\]+$/, '')
      .split(/[/\\]/)
      .at(-1) ?? '';
  const id = `uclanlp/${name}`;
  return Object.hasOwn(CHECKPOINTS, id) ? (CHECKPOINTS[id] as PublishedCheckpoint) : null;
}

/** The detector that a published checkpoint was trained with; null for any other checkpoint. */
export function publishedDetector(where: string): DetectorIdentity | null {
  const published = publishedCheckpoint(where);
  return published === null ? null : { name: published.detector };
}
