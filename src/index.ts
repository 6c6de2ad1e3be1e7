// The public surface for browser and Node: config, layers, models, losses, processor, checkpoints from bytes or a URL, the eager step.
export { ConfigError, ShapeError, CheckpointError, DataError, EngineError, HubError } from './errors.js';
export type { RawDType, RawTensor } from './raw-tensor.js';
export { bytesSource } from './byte-source.js';
export type { ByteSource } from './byte-source.js';
