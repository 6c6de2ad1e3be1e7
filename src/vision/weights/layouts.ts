// Layouts of published detectors: maps from our layer names to theirs.
import { type DetectorConfig, STAGE_BLOCKS } from '../detector/config.js';
import type { LayerSpec } from '../detector/specification.js';
import { BATCH_NORM_EPSILON } from '../layers/batch-norm.js';

/** The keys of one layer. */
export interface LayerKeys {
  weight: string;
  bias?: string;
  norm?: { gamma: string; beta: string; mean: string; variance: string };
}

/** Names and conventions of one family of files. */
export interface DetectorLayout {
  name: 'own' | 'detectron2' | 'maskrcnn-benchmark' | 'caffe2';
  /** Name in messages. */
  title: string;
  /** Matches a key that only this layout has, without wrapper prefixes. */
  mark: RegExp;
  keysOf(layer: LayerSpec, config: DetectorConfig): LayerKeys;
  /** Added to variances. */
  epsilon: number;
  /** Whether batch norms may lack mean and variance, which are then folded into scale and shift. */
  hasAffineNorms: boolean;
  /** Position of the background among the class columns. With `first` it has a box, too. */
  background: 'first' | 'last';
  /** Whether keys may be suffixes of names: the longest matching one is used, as in the original loader. */
  matchesEndings: boolean;
  /** Keys that a region detector does not use, and why. */
  skipped: readonly (readonly [RegExp, string])[];
}

const MASKS = 'outlines of objects, which region features do not use';
const KEYPOINTS = 'keypoints of people, which region features do not use';
const COUNTER = 'a counter of training';
const ANCHORS = 'anchors, computed from the configuration';
const IMAGENET = "ImageNet's classifier, left over from the pretrained backbone";

type Rename = readonly [RegExp, string];

/** Applied one after the other. */
function renamed(name: string, renames: readonly Rename[]): string {
  return renames.reduce((text, [from, to]) => text.replace(from, to), name);
}

/** Renames our stages 2 to 5 to stages that are counted from 1. */
function countedFromOne(pattern: string, to: string): Rename[] {
  return [2, 3, 4, 5].map((stage) => [new RegExp(`^${pattern}${stage}`), `${to}${stage - 1}`]);
}

/** Files written by `visualbert convert`, with batch norms folded in. */
const OWN: DetectorLayout = {
  name: 'own',
  title: 'visualbert-tfjs',
  mark: /^proposals\.conv\.weight$/,
  keysOf: ({ name, kind }) => plainKeys(name, kind),
  epsilon: 0,
  hasAffineNorms: true,
  background: 'last',
  matchesEndings: false,
  skipped: [],
};

/** detectron2, and the copies of it that trained Visual Genome's detector. */
const DETECTRON2: DetectorLayout = {
  name: 'detectron2',
  title: 'detectron2',
  mark: /^proposal_generator\.rpn_head\.conv\.weight$/,
  keysOf: ({ name, kind, isNormalised }, { pyramid }) => {
    const theirs = renamed(name, [
      [/^backbone\./, pyramid > 0 ? 'backbone.bottom_up.' : 'backbone.'],
      [/^pyramid\.(lateral|output)/, 'backbone.fpn_$1'],
      [/^proposals\.conv/, 'proposal_generator.rpn_head.conv'],
      [/^proposals\.objectness/, 'proposal_generator.rpn_head.objectness_logits'],
      [/^proposals\.deltas/, 'proposal_generator.rpn_head.anchor_deltas'],
      [/^head\.res5/, 'roi_heads.res5'],
      [/^head\.fc6/, 'roi_heads.box_head.fc1'],
      [/^head\.fc7/, 'roi_heads.box_head.fc2'],
      [/^predictor\.classes/, 'roi_heads.box_predictor.cls_score'],
      [/^predictor\.boxes/, 'roi_heads.box_predictor.bbox_pred'],
      [/^predictor\.class_embedding/, 'roi_heads.box_predictor.cls_embedding'],
      [/^predictor\.attribute_hidden/, 'roi_heads.box_predictor.fc_attr'],
      [/^predictor\.attributes/, 'roi_heads.box_predictor.attr_score'],
    ]);
    return isNormalised ? normalisedKeys(theirs, `${theirs}.norm`) : plainKeys(theirs, kind);
  },
  epsilon: BATCH_NORM_EPSILON,
  hasAffineNorms: false,
  background: 'last',
  matchesEndings: false,
  skipped: [
    [/\.num_batches_tracked$/, COUNTER],
    [/^pixel_(mean|std)$/, 'the mean color, part of the configuration'],
    [/anchor_generator\.cell_anchors/, ANCHORS],
    [/^roi_heads\.mask_head\./, MASKS],
    [/^roi_heads\.keypoint_head\./, KEYPOINTS],
  ],
};

/** @see Cadene/vqa-maskrcnn-benchmark `utils/model_serialization.py`, `utils/c2_model_loading.py`, `layers/batch_norm.py` */
const MASKRCNN_BENCHMARK: DetectorLayout = {
  name: 'maskrcnn-benchmark',
  title: 'maskrcnn-benchmark',
  mark: /(^|\.)rpn\.head\.conv\.weight$/,
  keysOf: ({ name, kind, isNormalised }) => {
    const theirs = renamed(name, [
      ...countedFromOne('backbone\\.res', 'backbone.layer'),
      ...countedFromOne('head\\.res', 'roi_heads.box.feature_extractor.head.layer'),
      ...countedFromOne('pyramid\\.lateral', 'fpn_inner'),
      ...countedFromOne('pyramid\\.output', 'fpn_layer'),
      [/^fpn_/, 'backbone.fpn.fpn_'],
      [/^backbone\.(?!fpn)/, 'backbone.body.'],
      [/^head\./, 'roi_heads.box.feature_extractor.'],
      [/^proposals\.conv/, 'rpn.head.conv'],
      [/^proposals\.objectness/, 'rpn.head.cls_logits'],
      [/^proposals\.deltas/, 'rpn.head.bbox_pred'],
      [/^predictor\.classes/, 'roi_heads.box.predictor.cls_score'],
      [/^predictor\.boxes/, 'roi_heads.box.predictor.bbox_pred'],
      [/\.shortcut$/, '.downsample.0'],
    ]);
    if (!isNormalised) return plainKeys(theirs, kind);
    return normalisedKeys(theirs, theirs.replace(/downsample\.0$/, 'downsample.1').replace(/conv(\d)$/, 'bn$1'));
  },
  epsilon: 0,
  hasAffineNorms: true,
  background: 'first',
  matchesEndings: true,
  skipped: [
    [/(^|\.)anchor_generator\.cell_anchors\./, ANCHORS],
    [/(^|\.)(cls_embed|attr_linear[12])\./, 'attributes, which the original computes in training only'],
    [/(^|\.)fc1000\.(weight|bias)$/, IMAGENET],
    [/(^|\.)mask\.|mask_fcn|conv5_mask/, MASKS],
    [/(^|\.)conv1\.bias$/, 'a bias of the pretrained backbone before its batch norm, which the original ignores'],
  ],
};

/** @see facebookresearch/Detectron; facebookresearch/detectron2 `checkpoint/c2_model_loading.py` */
const CAFFE2: DetectorLayout = {
  name: 'caffe2',
  title: 'Detectron (Caffe2)',
  mark: /^conv_rpn(_fpn2)?_w$/,
  keysOf: ({ name, isNormalised }, config) => {
    const theirs = caffe2Name(name, config);
    const weight = `${theirs}_w`;
    if (!isNormalised) return { weight, bias: `${theirs}_b` };
    const norm = theirs === 'conv1' ? 'res_conv1' : theirs;
    return {
      weight,
      norm: { gamma: `${norm}_bn_s`, beta: `${norm}_bn_b`, mean: `${norm}_bn_rm`, variance: `${norm}_bn_riv` },
    };
  },
  epsilon: 0,
  hasAffineNorms: true,
  background: 'first',
  matchesEndings: false,
  skipped: [
    [/_momentum$/, 'momentum of the optimizer'],
    [/^lr$|^optimizer_iteration/, 'a counter of training'],
    [/mask_fcn|_\[mask\]_|^conv5_mask|^mask_/, MASKS],
    [/^conv_fcn|^kps_/, KEYPOINTS],
    [/^(fc1000|pred)_[wb]$/, IMAGENET],
    [
      /^(res_)?conv1_b$|^res\d_\d+_branch\d[abc]?_b$/,
      'a bias of the pretrained backbone before its batch norm, which the original ignores',
    ],
  ],
};

const BRANCHES: Readonly<Record<string, string>> = {
  shortcut: 'branch1',
  conv1: 'branch2a',
  conv2: 'branch2b',
  conv3: 'branch2c',
};

function caffe2Name(name: string, { backbone, pyramid }: DetectorConfig): string {
  const block = /^(?:backbone|head)\.res(\d)\.(\d+)\.(\w+)$/.exec(name);
  if (block !== null) return `res${block[1]}_${block[2]}_${BRANCHES[block[3] as string] as string}`;
  const level = /^pyramid\.(lateral|output)(\d)$/.exec(name);
  if (level !== null) {
    const stage = Number(level[2]);
    const last = `res${stage}_${(STAGE_BLOCKS[backbone.depth][stage - 2] as number) - 1}_sum`;
    if (level[1] === 'output') return `fpn_${last}`;
    return `fpn_inner_${last}${stage < 5 ? '_lateral' : ''}`;
  }
  const map = pyramid > 0 ? '_fpn2' : '';
  const others: Readonly<Record<string, string>> = {
    'backbone.stem.conv1': 'conv1',
    'proposals.conv': `conv_rpn${map}`,
    'proposals.objectness': `rpn_cls_logits${map}`,
    'proposals.deltas': `rpn_bbox_pred${map}`,
    'head.fc6': 'fc6',
    'head.fc7': 'fc7',
    'predictor.classes': 'cls_score',
    'predictor.boxes': 'bbox_pred',
  };
  return others[name] ?? name;
}

function plainKeys(name: string, kind: LayerSpec['kind']): LayerKeys {
  return { weight: `${name}.weight`, ...(kind !== 'table' && { bias: `${name}.bias` }) };
}

function normalisedKeys(name: string, norm: string): LayerKeys {
  return {
    weight: `${name}.weight`,
    norm: {
      gamma: `${norm}.weight`,
      beta: `${norm}.bias`,
      mean: `${norm}.running_mean`,
      variance: `${norm}.running_var`,
    },
  };
}

/** All supported layouts. */
export const DETECTOR_LAYOUTS: readonly DetectorLayout[] = [OWN, DETECTRON2, MASKRCNN_BENCHMARK, CAFFE2];
