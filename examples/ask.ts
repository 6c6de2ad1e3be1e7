// Asks the model of the quickstart about a picture, in code. Run `npm run quickstart` first, then `node dist/examples/ask.js`.
import { readFile } from 'node:fs/promises';
import { openRegionFeatures, VisualBertForQuestionAnswering, VisualBertProcessor } from '../src/node.js';

const run = process.argv[2] ?? 'runs/quickstart/1';
const file = JSON.parse(await readFile(`${run}/data/vqa-test-questions.json`, 'utf8')) as {
  questions: [{ question: string; image_id: string }];
};
const [{ question, image_id: image }] = file.questions; // one that has an answer: not every picture has exactly one circle
const model = await VisualBertForQuestionAnswering.fromPretrained(`${run}/real/vqa`);
const processor = await VisualBertProcessor.fromPretrained(`${run}/real/vqa`);
const features = await openRegionFeatures(`${run}/data/images`, { cells: 6, look: 'form' });
const inputs = await processor({ text: question, visualEmbeds: await features.read(image) });
const { logits } = model.forward(inputs);
console.log(`${image}: ${question}`, processor.decodeAnswers(logits, { topK: 3 }));
