// The page: answers questions about a drawn scene with model.onnx in onnxruntime-web.
import wasmUrl from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url';
import * as ort from 'onnxruntime-web/wasm';
import { onnxInputs, type RawTensor, VisualBertProcessor } from '../../src/index.js';
import { regionsOf } from '../browser/learn.js';
import { showPicture } from '../browser/scene-view.js';
import { drawScene } from '../shapes/draw.js';
import { RandomStream } from '../shapes/random-stream.js';
import { createScene } from '../shapes/scene.js';

/** The folder that `visualbert convert --format onnx` wrote. */
const MODEL = new URL('model', location.href).href;

const find = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;
/** `?seed=1` draws the same scene again. */
const seed = Number(new URLSearchParams(location.search).get('seed') ?? Date.now());
const scene = createScene('scene', new RandomStream(seed >>> 0, 'scenes'), {});

ort.env.wasm.wasmPaths = { wasm: wasmUrl };
ort.env.wasm.numThreads = 1; // more need a page that is isolated from other origins
const session = await ort.InferenceSession.create(`${MODEL}/model.onnx`);
const processor = await VisualBertProcessor.fromPretrained(MODEL, { defaultTask: 'vqa' });

/** Scores of the answers to a question, best first. */
async function answer(question: string): Promise<{ answer: string; score: number }[]> {
  const { features: data, count, dim } = regionsOf(scene);
  const inputs = await processor({ text: question, visualEmbeds: { dtype: 'float32', shape: [count, dim], data } });
  const feeds = Object.entries(onnxInputs(inputs as Record<string, RawTensor>)).map(
    ([name, tensor]) => [name, new ort.Tensor(tensor.type, tensor.data, tensor.dims)] as const,
  );
  const { logits } = await session.run(Object.fromEntries(feeds));
  if (logits === undefined)
    throw new Error(`${MODEL}/model.onnx has no output logits; convert a VisualBertForQuestionAnswering`);
  const scores: RawTensor = { dtype: 'float32', shape: [...logits.dims], data: logits.data as Float32Array };
  const [answers = []] = await processor.decodeAnswers(scores, { topK: 5 });
  return answers;
}

find('asking').addEventListener('submit', (event) => {
  event.preventDefault();
  find<HTMLButtonElement>('ask').disabled = true;
  answer(find<HTMLInputElement>('question').value)
    .then((answers) => {
      const items = answers.map(({ answer: text, score }) => {
        const item = document.createElement('li');
        item.textContent = `${text} (${(100 * score).toFixed(1)}%)`;
        item.dataset['answer'] = text;
        item.dataset['score'] = String(score);
        return item;
      });
      find('answers').replaceChildren(...items);
    })
    .catch((error: unknown) => (find<HTMLOutputElement>('status').value = String(error)))
    .finally(() => (find<HTMLButtonElement>('ask').disabled = false));
});
showPicture(drawScene(scene), scene.boxes, []);
find<HTMLOutputElement>('status').value = 'ready';
find<HTMLButtonElement>('ask').disabled = false;
