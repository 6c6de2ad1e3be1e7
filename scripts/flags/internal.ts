// What the commands use beyond the public surface: schemas of options, which flags are made from, and texts. Only this file imports it.
export { JOIN_OPTIONS } from '../../src/cluster/join.js';
export { LAUNCH_OPTIONS } from '../../src/cluster/launch.js';
export { CONVERT_OPTIONS } from '../../src/convert/options.js';
export { BACKEND_OPTIONS } from '../../src/engine/select-backend.js';
export { SYSTEM_PROBLEMS } from '../../src/errors.js';
export { EXPLAIN_OPTIONS } from '../../src/explain/contract.js';
export { detectorText, isOfGivenBoxes, networkText } from '../../src/features/detector-identity.js';
export { PICTURE_FEATURE_OPTIONS, type PictureFeatureOptions } from '../../src/features/pixel-options.js';
export { defined } from '../../src/options.js';
export { EXPLANATION_EVALUATION_OPTIONS } from '../../src/runs/evaluate-explanations.js';
export { COMPUTING_OPTIONS, type ComputingOptions } from '../../src/runs/evaluate.js';
export { requireStoredPaths } from '../../src/runs/stored-paths.js';
export { TOP_K } from '../../src/scores.js';
export { type ListenOptions, SERVE_LIMITS } from '../../src/serve/options.js';
export { STEP_OPTIONS } from '../../src/training/step/options.js';
export { DRAW_OPTIONS } from '../../src/vision/draw-regions.js';
export { EXTRACT_OPTIONS } from '../../src/vision/extract.js';
export { gigabytes, printable } from '../../src/words.js';
