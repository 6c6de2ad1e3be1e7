// The model_type in the config.json of a detector's folder.

/** Marks the `config.json` of a converted detector. */
export const DETECTOR_TYPE = 'visualbert_region_detector';
