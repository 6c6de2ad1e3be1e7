// What a detector takes from Node: picture files, and the native engine. The browser has host/browser.ts in its place (#vision in package.json).
export { loadPicture } from '../../pictures/load.js';
export { canCompileDetector, createCompiledPass } from '../detector/compiled-pass.js';
