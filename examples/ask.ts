// Asks the model of the quickstart about a picture file, in code. Run `npm run quickstart` first, then `node dist/examples/ask.js`.
import { openPictureDetector, pipeline } from '../src/node.js';

process.prependListener('uncaughtException', ({ message }) => [console.error(message), process.exit(1)]); // a missing file
const [run = 'runs/quickstart/1', picture = `${run}/picture.png`, ...words] = process.argv.slice(2);
const question = words.join(' ') || 'How many red things are there?';
const model = `${run}/real/vqa`;
const { detector, dispose } = await openPictureDetector(model, `${run}/detector`);
const ask = await pipeline('visual-question-answering', model, { detector });
console.log(`${picture}: ${question}`, await ask({ question, regions: picture }, { topK: 3 }));
await ask.dispose();
await dispose();
