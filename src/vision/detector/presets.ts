// Named detectors, whose regions VisualBERT's checkpoints and notebooks use.
import { ConfigError } from '../../errors.js';
import { checkedDetectorConfig } from './check-config.js';
import type { DetectorConfig } from './config.js';

/** ImageNet's mean color in Caffe's models: blue, green, red. */
const CAFFE_MEAN = [102.9801, 115.9465, 122.7717] as const;
const FPN_ANCHORS = { sizes: [32, 64, 128, 256, 512], ratios: [0.5, 1, 2] } as const;
const RESNET_101 = {
  depth: 101,
  groups: 1,
  widthPerGroup: 64,
  stemWidth: 64,
  stageWidth: 256,
  strideIn1x1: true,
  stemPool: 'padded',
} as const;

/** @see eltoto1219/vltk `tests/config.yaml`; huggingface/transformers `research_projects/visual_bert/modeling_frcnn.py` */
const VG_R101_C4: DetectorConfig = {
  backbone: { ...RESNET_101, stemPool: 'cut' },
  pyramid: 0,
  input: { mean: CAFFE_MEAN, deviation: [1, 1, 1], size: 800, maxSize: 1333, resize: 'torch', multipleOf: 1 },
  boxes: 'continuous',
  clipTo: 'picture',
  anchors: { sizes: [64, 128, 256, 512], ratios: [0.5, 1, 2] },
  proposals: { hidden: 512, before: 6000, after: 300, threshold: 0.7, minSize: 0 },
  pooling: { kind: 'roi-pool', bins: 14, sampling: 0, isAligned: false },
  head: { kind: 'res5', isDilated: true },
  classes: 1600,
  attributes: 400,
  feature: 'mean',
  choice: { rule: 'best-class', thresholds: [0.5, 0.6, 0.7], minScore: 0, minBoxes: 36, maxBoxes: 36 },
};

/** @see Cadene/vqa-maskrcnn-benchmark `configs/visual_genome_vqa/c2`; facebookresearch/mmf `tools/scripts/features/extract_features_vmb.py` */
const MMF_X101: DetectorConfig = {
  backbone: { ...RESNET_101, groups: 64, widthPerGroup: 4, strideIn1x1: false },
  pyramid: 512,
  input: { mean: CAFFE_MEAN, deviation: [1, 1, 1], size: 800, maxSize: 1333, resize: 'opencv', multipleOf: 32 },
  boxes: 'inclusive',
  clipTo: 'padded',
  anchors: FPN_ANCHORS,
  proposals: { hidden: 512, before: 1000, after: 1000, threshold: 0.7, minSize: 0 },
  pooling: { kind: 'roi-align', bins: 7, sampling: 2, isAligned: false },
  head: { kind: 'layers', width: 2048 },
  classes: 1600,
  attributes: 0,
  feature: 'fc6',
  choice: {
    rule: 'every-class',
    boxes: 'proposals',
    threshold: 0.5,
    minScore: 0,
    minBoxes: 100,
    maxBoxes: 100,
    scoresOf: 'class',
  },
};

/**
 * Widths are those of `32x8d`, the only X-152 with published Detectron weights; a file of other widths fails the shape check.
 * @see facebookresearch/Detectron `MODEL_ZOO.md`
 */
const MMF_X152: DetectorConfig = {
  ...MMF_X101,
  backbone: { ...MMF_X101.backbone, depth: 152, groups: 32, widthPerGroup: 8 },
};

/**
 * Detectron's model 35861858. The authors store 150 regions; their data loader uses the first 144.
 * @see facebookresearch/Detectron `e2e_mask_rcnn_R-101-FPN_2x.yaml`; uclanlp/visualbert README, "Extract features using Detectron for NLVR2" (fc6)
 */
const DETECTRON1_R101_FPN: DetectorConfig = {
  ...MMF_X101,
  backbone: RESNET_101,
  pyramid: 256,
  proposals: { hidden: 256, before: 1000, after: 1000, threshold: 0.7, minSize: 1 },
  head: { kind: 'layers', width: 1024 },
  classes: 80,
  choice: { ...MMF_X101.choice, minBoxes: 144, maxBoxes: 144 } as DetectorConfig['choice'],
};

/** @see facebookresearch/detectron2 `configs/COCO-InstanceSegmentation/mask_rcnn_R_101_FPN_3x.yaml` */
const COCO_R101_FPN: DetectorConfig = {
  backbone: RESNET_101,
  pyramid: 256,
  input: {
    mean: [103.53, 116.28, 123.675],
    deviation: [1, 1, 1],
    size: 800,
    maxSize: 1333,
    resize: 'pillow',
    multipleOf: 32,
  },
  boxes: 'continuous',
  clipTo: 'picture',
  anchors: FPN_ANCHORS,
  proposals: { hidden: 256, before: 1000, after: 1000, threshold: 0.7, minSize: 0 },
  pooling: { kind: 'roi-align', bins: 7, sampling: 0, isAligned: true },
  head: { kind: 'layers', width: 1024 },
  classes: 80,
  attributes: 0,
  feature: 'fc7',
  choice: {
    rule: 'every-class',
    boxes: 'moved',
    threshold: 0.5,
    minScore: 0.5,
    minBoxes: 10,
    maxBoxes: 100,
    scoresOf: 'class',
  },
};

/** As in the notebook "Generate Embeddings for VisualBERT": features before their ReLU, boxes chosen by the scores of the next class. */
const COCO_R101_FPN_NOTEBOOK: DetectorConfig = {
  ...COCO_R101_FPN,
  feature: 'fc7-linear',
  choice: { ...COCO_R101_FPN.choice, scoresOf: 'next-class' } as DetectorConfig['choice'],
};

const PRESETS = {
  'vg-r101-c4': VG_R101_C4,
  'mmf-x101': MMF_X101,
  'mmf-x152': MMF_X152,
  'detectron1-r101-fpn': DETECTRON1_R101_FPN,
  'coco-r101-fpn': COCO_R101_FPN,
  'coco-r101-fpn-notebook': COCO_R101_FPN_NOTEBOOK,
} as const;

/** The name of a preset. */
export type DetectorName = keyof typeof PRESETS;

/** The names, for messages and flags. */
export const DETECTOR_NAMES = Object.keys(PRESETS) as readonly DetectorName[];

/**
 * The settings of a detector by its name.
 *
 * | name | detector | features |
 * |---|---|---|
 * | `vg-r101-c4` | unc-nlp/frcnn-vg-finetuned: ResNet-101 C4 on Visual Genome | 36 x 2048 |
 * | `mmf-x101`, `mmf-x152` | Pythia's and MMF's ResNeXt FPN on Visual Genome | 100 x 2048 (fc6) |
 * | `detectron1-r101-fpn` | Detectron's Mask R-CNN R-101 FPN 2x on COCO | 144 x 1024 (fc6) |
 * | `coco-r101-fpn` | detectron2's Mask R-CNN R-101 FPN 3x on COCO | 10 to 100 x 1024 (fc7) |
 * | `coco-r101-fpn-notebook` | the same, with the notebook's choice of regions | 10 to 100 x 1024 |
 * @throws ConfigError for another name.
 * @example
 * const { choice } = namedDetector('vg-r101-c4');
 * choice.maxBoxes; // 36
 */
export function namedDetector(name: string): DetectorConfig {
  if (!Object.hasOwn(PRESETS, name)) {
    throw new ConfigError(`expected a detector's name, one of ${DETECTOR_NAMES.join(', ')}, received ${name}`);
  }
  return checkedDetectorConfig(PRESETS[name as DetectorName]);
}
