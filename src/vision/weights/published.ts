// The published weights of the named detectors.
import type { DetectorName } from '../detector/presets.js';
import type { DetectorLayout } from './layouts.js';

const MMF = 'https://dl.fbaipublicfiles.com/pythia/detectron_model';
const DETECTRON =
  'https://dl.fbaipublicfiles.com/detectron/35861858/12_2017_baselines/e2e_mask_rcnn_R-101-FPN_2x.yaml.02_32_51.SgT4y1cO' +
  '/output/train/coco_2014_train:coco_2014_valminusminival/generalized_rcnn/model_final.pkl';
const DETECTRON2 =
  'https://dl.fbaipublicfiles.com/detectron2/COCO-InstanceSegmentation/mask_rcnn_R_101_FPN_3x/138205316/model_final_a3ec72.pkl';

/** Published weights. */
export interface PublishedWeights {
  layout: DetectorLayout['name'];
  /** Addresses, tried in order; `owner/name/file` is a file on the hub. */
  sources: readonly string[];
}

/** @see facebookresearch/mmf `extract_features_vmb.py`; facebookresearch/Detectron and detectron2 `MODEL_ZOO.md`; airsplay/py-bottom-up-attention */
export const PUBLISHED_WEIGHTS: Readonly<Record<DetectorName, PublishedWeights>> = {
  'vg-r101-c4': {
    layout: 'detectron2',
    sources: [
      'unc-nlp/frcnn-vg-finetuned/pytorch_model.bin',
      'https://nlp.cs.unc.edu/models/faster_rcnn_from_caffe_attr.pkl',
    ],
  },
  'mmf-x101': { layout: 'maskrcnn-benchmark', sources: [`${MMF}/detectron_model.pth`] },
  'mmf-x152': { layout: 'maskrcnn-benchmark', sources: [`${MMF}/detectron_model_x152.pth`] },
  'detectron1-r101-fpn': { layout: 'caffe2', sources: [DETECTRON] },
  'coco-r101-fpn': { layout: 'detectron2', sources: [DETECTRON2] },
  'coco-r101-fpn-notebook': { layout: 'detectron2', sources: [DETECTRON2] },
};
