// The notebook "Generate Embeddings for VisualBERT": visual embeddings of pictures, and the model's outputs for them with a text, step by step.
//
//   node dist/examples/notebooks/embeddings.js "A man is riding a horse." left.jpg right.jpg
//
// The first run downloads the detector and the checkpoint. DETECTOR and MODEL (environment variables) name others: names or folders.
import { findDetector, RegionDetector, VisualBertModel, VisualBertProcessor } from '../../src/node.js';

process.prependListener('uncaughtException', ({ message }) => [console.error(message), process.exit(1)]); // a failed download, for instance
const [text = 'A man is riding a horse.', ...pictures] = process.argv.slice(2);
if (pictures.length === 0) {
  console.error('Give a text and at least one picture: embeddings.js "A man is riding a horse." left.jpg right.jpg');
  process.exit(1);
}
const { DETECTOR = 'detectron1-r101-fpn', MODEL = 'uclanlp/visualbert-nlvr2-coco-pre' } = process.env;

// Step 1: the detector. The notebook takes detectron2's Mask R-CNN with a choice of boxes that is one class off, and features from before a ReLU
// (DETECTOR=coco-r101-fpn-notebook does the same). The checkpoint was trained with Detectron's regions: detectron1-r101-fpn.
const detector = await RegionDetector.fromPretrained(await findDetector(DETECTOR));

// Step 2: the notebook's resizing, backbone, proposals, pooling, head and choice of boxes are one call. The features of a picture `[v, d]` are its
// visual embeddings; pictures have different numbers of regions.
const found = await detector.detect(pictures);
for (const [i, { count, dim }] of found.entries()) console.log(`${pictures[i]}: visual embeddings [${count}, ${dim}]`);
await detector.dispose();

// Step 3: the model's inputs. The processor pads the pictures to one number of regions and masks what it pads; visual types are the authors'
// (0, and for the second picture of a pair 1; the notebook gives 1 to all).
const processor = await VisualBertProcessor.fromPretrained(MODEL);
const inputs = await processor({ text: found.map(() => text), visualEmbeds: found });

// Step 4: the model: a state for each token and region, and one for the pair of text and picture.
const model = await VisualBertModel.fromPretrained(MODEL);
const { lastHiddenState, poolerOutput } = model.forward(inputs);
console.log(`hidden states [${lastHiddenState.shape.join(', ')}]: text first, then regions`);
console.log(`pooled [${poolerOutput?.shape.join(', ')}]`);
lastHiddenState.dispose();
poolerOutput?.dispose();
model.dispose();
