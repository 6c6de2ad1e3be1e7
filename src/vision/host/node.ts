// Platform functions of a detector in Node: picture files and the native engine. Browsers get host/browser.ts (#vision in package.json).
export { loadPicture } from '../../pictures/load.js';
export { canCompileDetector, createCompiledPass } from '../detector/compiled-pass.js';
