// Asks the model of the quickstart about a picture, in code. Run `npm run quickstart` first, then `node dist/examples/ask.js`.
import { readFile } from 'node:fs/promises';
import { openRegionFeatures, pipeline } from '../src/node.js';

const run = process.argv[2] ?? 'runs/quickstart/1';
const file = JSON.parse(await readFile(`${run}/data/vqa-test-questions.json`, 'utf8')) as {
  questions: [{ question: string; image_id: string }];
};
const [{ question, image_id: image }] = file.questions; // one that has an answer: not every picture has exactly one circle
const source = await openRegionFeatures(`${run}/data/images`, { cells: 6, look: 'form' });
const ask = await pipeline('visual-question-answering', `${run}/real/vqa`);
console.log(`${image}: ${question}`, await ask({ question, regions: { source, image } }, { topK: 3 }));
await ask.dispose();
await source.close();
