// Asks the model of the quickstart about a picture file, in code. Run `npm run quickstart` first, then `node dist/examples/ask.js`.
import { pipeline, RegionDetector } from '../src/node.js';
import { pixelDetector } from './shapes/found.js';

const [run = 'runs/quickstart/1', picture = `${run}/picture.png`, ...words] = process.argv.slice(2);
const question = words.join(' ') || 'How many red things are there?';
const boxes = await RegionDetector.fromPretrained(`${run}/detector`);
const ask = await pipeline('visual-question-answering', `${run}/real/vqa`, { detector: pixelDetector(boxes) });
console.log(`${picture}: ${question}`, await ask({ question, regions: picture }, { topK: 3 }));
await ask.dispose();
await boxes.dispose();
