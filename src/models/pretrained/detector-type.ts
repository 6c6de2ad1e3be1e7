// The model_type that tells the folder of a detector from that of a checkpoint.

/** Marks the `config.json` of a converted detector. */
export const DETECTOR_TYPE = 'visualbert_region_detector';
