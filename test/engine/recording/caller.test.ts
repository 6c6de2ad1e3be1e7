// The line of the user's code in error messages, whatever the path of the user's folder.
import { describe, expect, test } from '@jest/globals';
import { callerOf } from '../../../src/engine/recording/caller.js';

const INSIDE = [
  'at Backend.readSync (file:///app/node_modules/visualbert-tfjs/dist/src/engine/recording/graph-backend.js:113:19)',
  'at Backend.readSync (file:///app/node_modules/visualbert-tfjs/dist/bundle/shared-6HOFWBDS.js:113:19)',
  'at Engine.readSync (/app/node_modules/@tensorflow/tfjs-core/dist/tf-core.node.js:5244:29)',
  'at Engine.scopedRun (/app/tfjs-core/src/engine.ts:480:19)',
  'at Engine.tidy (tfjs-core/src/globals.ts:192:17)',
  'at <anonymous> (/app/elsewhere.js:1:1)',
];

describe('callerOf', () => {
  test.each([
    ['at step (file:///home/me/tfjs-demo/src/train.mjs:3:34)', ' (at /home/me/tfjs-demo/src/train.mjs:3:34)'],
    ['at /home/me/tfjs-examples/train.js:3:34', ' (at /home/me/tfjs-examples/train.js:3:34)'],
    ['at Object.loss (C:\\me\\model\\loss.ts:12:7)', ' (at C:\\me\\model\\loss.ts:12:7)'],
    ['at process.processTicks (node:internal/process/task_queues:95:5)', ''],
  ])('skips tfjs, the engine, the bundle and Node: %s', (line, expected) => {
    const error = new Error('text');
    error.stack = ['Error: text', ...INSIDE, line].map((entry) => `    ${entry}`).join('\n');
    expect(callerOf(error)).toBe(expected);
  });
});
