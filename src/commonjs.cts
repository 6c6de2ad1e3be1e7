// What require('visualbert-tfjs/node') loads: the package consists of ES modules, and this one awaits its backend while it loads.
throw new Error(
  "visualbert-tfjs/node is an ES module. In CommonJS write: const { tf } = await import('visualbert-tfjs/node') inside an async function. " +
    'Or make the file a module (name it .mjs, or put "type": "module" into package.json) and write: import { tf } from \'visualbert-tfjs/node\'.',
);
