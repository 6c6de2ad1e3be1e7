// The page: loads a model, draws scenes, answers, explains, learns and saves.
import {
  explain,
  type ExplanationMethod,
  EXPLANATION_METHODS,
  lineChart,
  type Pipeline,
  pipeline,
  pixelDetector,
  type pixelFeatures,
  RegionDetector,
  type RgbImage,
  setFetch,
  tf,
} from '../../src/index.js';
import { drawScene } from '../shapes/draw.js';
import { questionsAbout } from '../shapes/questions.js';
import { RandomStream } from '../shapes/random-stream.js';
import { SHAPES_RECIPE } from '../shapes/recipe.js';
import { createScene, NEW_COLORS, type NewColor, type Scene } from '../shapes/scene.js';
import { type Action, Actions } from './actions.js';
import { clearAnswer, showAnswer } from './answer-view.js';
import { BACKENDS, type Backend, bestBackend, chooseBackend } from './backends.js';
import { downloadDetector, downloadModel, emptyCache, fetchFromCache } from './download.js';
import { colorExamples, learnColor, regionsOf } from './learn.js';
import { type Model, openModel, questionLength, zipOf } from './model.js';
import { onPictureFile, readOwnPicture } from './own-picture.js';
import { showPicture } from './scene-view.js';

/** Models that the example was built with. */
const MODELS = { 'models/float16': 'half precision', 'models/uint8': '8 bits' };
/** The detector of the same scenes. */
const DETECTOR = 'models/detector';
const TEST_EXAMPLES = 40;
const STOPPED = 'the download was stopped; complete files are kept, and Load continues it';

const find = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;
const [address, backend, method, word] = ['address', 'backend', 'method', 'word'].map((id) =>
  find<HTMLSelectElement>(id),
) as [HTMLSelectElement, HTMLSelectElement, HTMLSelectElement, HTMLSelectElement];
const question = find<HTMLInputElement>('question');
/** `?seed=1` draws the same scenes again. */
const seed = Number(new URLSearchParams(location.search).get('seed') ?? Date.now());
const random = new RandomStream(seed >>> 0, 'scenes');
let scene: Scene = createScene('scene', random, {});
/** A picture of the user's own, in place of the scene: only the detector knows its regions. */
let own: RgbImage | null = null;
let loaded: (Model & { ask: Pipeline<'visual-question-answering'> }) | null = null;
let detector: RegionDetector | null = null;
const actions = new Actions({ setBusy, say, usualStatus });

function fill(select: HTMLSelectElement, options: readonly (readonly [value: string, text: string])[]): void {
  select.replaceChildren(...options.map(([value, text]) => new Option(text, value)));
}

function say(text: string): void {
  find<HTMLOutputElement>('status').value = text;
}

function usualStatus(): string {
  if (loaded === null) return 'choose a model and load it';
  return `${loaded.model.numParameters()} parameters on ${tf.getBackend()}`;
}

/** Load stays enabled: it replaces the running action. */
function setBusy(isBusy: boolean): void {
  find('app').inert = isBusy || loaded === null;
  find<HTMLButtonElement>('forget').disabled = isBusy;
  find<HTMLButtonElement>('abort').disabled = true;
}

async function use(model: Model): Promise<void> {
  loaded = { ...model, ask: await pipeline('visual-question-answering', model) };
}

async function load(signal: AbortSignal): Promise<string | undefined> {
  const place = new URL(address.value, location.href).href;
  const finder = new URL(DETECTOR, location.href).href;
  const [chosen, progress] = [backend.value as Backend, find<HTMLProgressElement>('progress')];
  progress.value = 0;
  find<HTMLButtonElement>('abort').disabled = false;
  await downloadModel(place, {
    signal,
    onProgress: (loadedBytes, totalBytes) => {
      progress.value = totalBytes === 0 ? 0 : loadedBytes / totalBytes;
      say(`${(loadedBytes / 1e6).toFixed(2)} of ${(totalBytes / 1e6).toFixed(2)} MB`);
    },
  });
  await downloadDetector(finder, signal);
  find<HTMLButtonElement>('abort').disabled = true;
  say(`starting ${chosen}`);
  await chooseBackend(chosen);
  await loaded?.ask.dispose();
  loaded?.model.dispose();
  loaded = null;
  await detector?.dispose();
  detector = null;
  find<HTMLOutputElement>('learnt').value = '';
  find('curve').replaceChildren();
  setFetch(fetchFromCache);
  await use(await openModel(place));
  detector = await RegionDetector.fromPretrained(finder);
  find<HTMLButtonElement>('save').disabled = true;
  return answer();
}

/** Shows the answers to the question, and the relevance of words and regions. */
async function answer(): Promise<string | undefined> {
  if (loaded === null) return;
  if (question.value.trim() === '') return 'the question is blank; type one';
  clearAnswer();
  const picture = own ?? drawScene(scene);
  const isDetected = own !== null || find<HTMLInputElement>('detect').checked;
  const shown = isDetected ? await detectedRegions(picture) : regionsOf(scene);
  if (shown.count === 0) return 'the detector found nothing in the picture';
  const input = { question: question.value, regions: shown };
  const heats = showAnswer(await explain(loaded.ask, input, { method: method.value as ExplanationMethod }));
  const boxes = Array.from({ length: shown.count }, (_, i) => [...shown.boxes.subarray(4 * i, 4 * i + 4)]);
  showPicture(picture, boxes, heats);
  const { read, total } = await questionLength(loaded, question.value);
  if (read < total) return `the question is too long: the model read the first ${read} of its ${total} word pieces`;
}

/** The regions that the detector finds in the picture alone. */
async function detectedRegions(picture: RgbImage): Promise<ReturnType<typeof pixelFeatures>> {
  if (detector === null) throw new Error('the detector is not loaded');
  const [regions] = await pixelDetector(detector, SHAPES_RECIPE.features).detect([picture]);
  if (regions === undefined) throw new Error('the detector gave nothing for the picture');
  return regions;
}

function newScene(drawn: Scene): void {
  scene = drawn;
  own = null;
  const questions = questionsAbout(scene).map(({ text }) => text);
  find('questions').replaceChildren(...questions.map((text) => new Option(text)));
  question.value = random.pick(questions);
  showPicture(drawScene(scene), scene.boxes, []);
}

/** Shows a picture file in place of the scene, and answers. */
function useFile(file: File): void {
  actions.start(async () => {
    own = await readOwnPicture(file);
    showPicture(own, [], []);
    return answer();
  });
}

/** Share of right answers to questions about scenes that are not learnt from. */
async function accuracy(color: NewColor): Promise<number> {
  const examples = colorExamples(color, TEST_EXAMPLES, new RandomStream(1, `test ${color}`));
  const answers = await loaded?.ask(
    examples.map(({ question: text, scene: one }) => ({ question: text, regions: regionsOf(one) })),
    { topK: 1 },
  );
  return examples.filter((example, i) => answers?.[i]?.[0]?.answer === example.answer).length / TEST_EXAMPLES;
}

async function learn(signal: AbortSignal): Promise<string | undefined> {
  if (loaded === null) return;
  const color = word.value as NewColor;
  if (loaded.processor.answers?.classOf(color) !== null) return `the model knows ${color} already`;
  say('learning');
  const before = await accuracy(color);
  const points: [number, number][] = [];
  const { ask, ...model } = loaded;
  await ask.dispose();
  loaded = null;
  const grown = await learnColor(model, color, new RandomStream(0, `learn ${color}`), async (step, loss) => {
    signal.throwIfAborted();
    points.push([step, loss]);
    if (step % 5 > 0) return;
    find('curve').innerHTML = String(lineChart('loss', [{ name: 'loss', points }]));
    await new Promise((resolve) => requestAnimationFrame(resolve));
  });
  await use(grown);
  const percent = (share: number): string => `${(100 * share).toFixed(0)}%`;
  find<HTMLOutputElement>('learnt').value =
    `${percent(before)} right before, ${percent(await accuracy(color))} after, on ${TEST_EXAMPLES} other scenes`;
  find<HTMLButtonElement>('save').disabled = false;
  const [example] = colorExamples(color, 1, random);
  if (example === undefined) return;
  newScene(example.scene);
  question.value = example.question;
  return answer();
}

async function save(): Promise<string | undefined> {
  if (loaded === null) return;
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([await zipOf(loaded)], { type: 'application/zip' }));
  link.download = 'visualbert.zip';
  link.click();
  URL.revokeObjectURL(link.href);
  return `saved as ${link.download}`;
}

async function forget(): Promise<string> {
  await emptyCache();
  return 'the cache is empty';
}

function onSubmit(id: string, action: Action): void {
  find(id).addEventListener('submit', (event) => {
    event.preventDefault();
    actions.start(action);
  });
}

fill(address, Object.entries(MODELS));
fill(
  backend,
  BACKENDS.map((name) => [name, name]),
);
fill(
  method,
  EXPLANATION_METHODS.map((name) => [name, name]),
);
fill(
  word,
  NEW_COLORS.map((name) => [name, name]),
);
method.value = 'relevance';
newScene(scene);
onSubmit('loading', load);
onSubmit('asking', answer);
onSubmit('learning', learn);
method.addEventListener('change', () => actions.start(answer));
find('detect').addEventListener('change', () => actions.start(answer));
onPictureFile(useFile);
find('abort').addEventListener('click', () => actions.stop(STOPPED));
find('forget').addEventListener('click', () => actions.start(forget));
find('save').addEventListener('click', () => actions.start(save));
find('new-scene').addEventListener('click', () => {
  newScene(createScene('scene', random, {}));
  actions.start(answer);
});
backend.value = await bestBackend();
backend.disabled = false; // not before: a choice would be lost
find<HTMLButtonElement>('load').disabled = false;
say(usualStatus());
// Opens the page offline. Browsers allow service workers on https and localhost only.
if ('serviceWorker' in navigator) await navigator.serviceWorker.register('./service-worker.js');
