// Asks the model of the quickstart about a picture, in code. Run `npm run quickstart` first, then `node dist/examples/ask.js`.
import { openRegionFeatures, VisualBertForQuestionAnswering, VisualBertProcessor } from '../src/node.js';

const run = process.argv[2] ?? 'runs/quickstart/1';
const model = await VisualBertForQuestionAnswering.fromPretrained(`${run}/real/vqa`);
const processor = await VisualBertProcessor.fromPretrained(`${run}/real/vqa`);
const features = await openRegionFeatures(`${run}/data/images`, { cells: 6, look: 'form' });
const inputs = await processor({ text: 'Where is the circle?', visualEmbeds: await features.read('test-0') });
const { logits } = model.forward(inputs);
console.log(processor.decodeAnswers(logits, { topK: 3 }));
