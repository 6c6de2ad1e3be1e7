// The notebook "VisualBERT VQA demo": answers questions about a photograph, step by step. `visualbert ask` does it in one command.
//
//   ANSWERS=answers_vqa.txt node dist/examples/notebooks/vqa-demo.js photo.jpg "What is the man riding?" "What color is the bus?"
//
// The first run downloads the detector and the checkpoint; DETECTOR and MODEL (environment variables) name others. ANSWERS is the list of answers
// for a checkpoint without one: Pythia's answers_vqa.txt for the authors'.
import { findDetector, RegionDetector, VisualBertForQuestionAnswering, VisualBertProcessor } from '../../src/node.js';

process.prependListener('uncaughtException', ({ message }) => [console.error(message), process.exit(1)]); // a failed download, for instance
const [picture = 'photo.jpg', ...questions] = process.argv.slice(2);
const { DETECTOR = 'mmf-x101', MODEL = 'uclanlp/visualbert-vqa', ANSWERS } = process.env;

// Step 1: the detector. The notebook takes frcnn-vg-finetuned (DETECTOR=vg-r101-c4), which this checkpoint was not trained with: 40
// to 46% were measured on VQA 2.0, against the authors' 71%. It was trained with regions of mmf-x101.
const detector = await RegionDetector.fromPretrained(await findDetector(DETECTOR));

// Step 2: the regions of the picture: boxes in its pixels, and for each the features that VisualBERT reads. The detector resizes and
// normalizes pictures as in its training.
const [regions] = await detector.detect([picture]);
if (regions === undefined) throw new Error(`${picture}: expected regions`);
console.log(`${picture}: ${regions.count} regions, feature width ${regions.dim}`);
for (let i = 0; i < Math.min(3, regions.count); i++) {
  const box = [...regions.boxes.subarray(4 * i, 4 * i + 4)].map(Math.round);
  console.log(`  class ${regions.classes[i]}, score ${regions.scores[i]?.toFixed(2)}, box ${box.join(' ')}`);
}
await detector.dispose();

// Step 3: the checkpoint, and the processor that encodes a question as in training: with a [MASK] before the last [SEP], where the answer is read
// (the notebook leaves it out), and the visual type 0. The checkpoint does not name its 3129 classes; the list is a separate file.
const processor = await VisualBertProcessor.fromPretrained(MODEL, {
  task: 'vqa',
  ...(ANSWERS === undefined ? {} : { answers: ANSWERS }),
});
const model = await VisualBertForQuestionAnswering.fromPretrained(MODEL);

// Step 4: one forward pass for all questions. Each sees the same regions.
const asked = questions.length > 0 ? questions : ['What is in the picture?'];
const inputs = await processor({ text: asked, visualEmbeds: asked.map(() => regions) });
const { logits } = model.forward(inputs);

// Step 5: the most likely answers, with their probabilities.
const answersOf = await processor.decodeAnswers(logits, { topK: 3 });
for (const [i, answers] of answersOf.entries())
  console.log(
    `${asked[i]} ${answers.map(({ answer, score }) => `${answer} (${(100 * score).toFixed(1)}%)`).join(', ')}`,
  );
logits.dispose();
model.dispose();
