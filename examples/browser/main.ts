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
  setFetch,
} from '../../src/index.js';
import { drawScene } from '../shapes/draw.js';
import { questionsAbout } from '../shapes/questions.js';
import { RandomStream } from '../shapes/random-stream.js';
import { SHAPES_RECIPE } from '../shapes/recipe.js';
import { createScene, NEW_COLORS, type NewColor, type Scene } from '../shapes/scene.js';
import { BACKENDS, type Backend, bestBackend, chooseBackend } from './backends.js';
import { downloadDetector, downloadModel, emptyCache, fetchFromCache } from './download.js';
import { colorExamples, learnColor, regionsOf } from './learn.js';
import { type Model, openModel, zipOf } from './model.js';
import { showScene } from './scene-view.js';

/** Models that the example was built with. */
const MODELS = { 'models/float16': 'half precision', 'models/uint8': '8 bits' };
/** The detector of the same scenes. */
const DETECTOR = 'models/detector';
const TEST_EXAMPLES = 40;

const find = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;
const [address, backend, method, word] = ['address', 'backend', 'method', 'word'].map((id) =>
  find<HTMLSelectElement>(id),
) as [HTMLSelectElement, HTMLSelectElement, HTMLSelectElement, HTMLSelectElement];
const question = find<HTMLInputElement>('question');
/** `?seed=1` draws the same scenes again. */
const seed = Number(new URLSearchParams(location.search).get('seed') ?? Date.now());
const random = new RandomStream(seed >>> 0, 'scenes');
let scene: Scene = createScene('scene', random, {});
let loaded: (Model & { ask: Pipeline<'visual-question-answering'> }) | null = null;
let detector: RegionDetector | null = null;
let download = new AbortController();

function fill(select: HTMLSelectElement, options: readonly (readonly [value: string, text: string])[]): void {
  select.replaceChildren(...options.map(([value, text]) => new Option(text, value)));
}

function say(text: string): void {
  find<HTMLOutputElement>('status').value = text;
}

/** Runs what a button starts; the page shows an error as its status. */
function run(task: () => Promise<void>): void {
  find('app').inert = true;
  task()
    .catch((error: unknown) => say(error instanceof Error ? error.message : String(error)))
    .finally(() => {
      find('app').inert = loaded === null;
      find<HTMLButtonElement>('abort').disabled = true;
    });
}

async function use(model: Model): Promise<void> {
  loaded = { ...model, ask: await pipeline('visual-question-answering', model) };
}

async function load(): Promise<void> {
  await loaded?.ask.dispose();
  loaded?.model.dispose();
  loaded = null;
  await detector?.dispose();
  detector = null;
  download = new AbortController();
  find<HTMLButtonElement>('abort').disabled = false;
  const progress = find<HTMLProgressElement>('progress');
  const place = new URL(address.value, location.href).href;
  await downloadModel(place, {
    signal: download.signal,
    onProgress: (loadedBytes, totalBytes) => {
      progress.value = totalBytes === 0 ? 0 : loadedBytes / totalBytes;
      say(`${(loadedBytes / 1e6).toFixed(2)} of ${(totalBytes / 1e6).toFixed(2)} MB`);
    },
  });
  const finder = new URL(DETECTOR, location.href).href;
  await downloadDetector(finder, download.signal);
  await chooseBackend(backend.value as Backend);
  setFetch(fetchFromCache);
  await use(await openModel(place));
  detector = await RegionDetector.fromPretrained(finder);
  find<HTMLButtonElement>('save').disabled = true;
  say(`${(loaded as unknown as Model).model.numParameters()} parameters on ${backend.value}`);
  await answer();
}

/** Shows the answers to the question, and what they rest on. */
async function answer(): Promise<void> {
  if (loaded === null) return;
  const shown = find<HTMLInputElement>('detect').checked ? await detectedRegions(scene) : regionsOf(scene);
  const input = { question: question.value, regions: shown };
  const { answers, words, images } = await explain(loaded.ask, input, { method: method.value as ExplanationMethod });
  find('answers').replaceChildren(
    ...answers.map(({ label, score }) => {
      const item = document.createElement('li');
      item.style.setProperty('--share', `${100 * score}%`);
      item.dataset['score'] = String(score);
      item.append(span(label), span(`${(100 * score).toFixed(1)}%`));
      return item;
    }),
  );
  const regions = images[0]?.regions.map(({ score }) => score) ?? [];
  const heat = (score: number, all: readonly number[]): number =>
    Math.max(0, score / Math.max(1e-12, ...all.map(Math.abs)));
  const ofWords = words.map(({ score }) => score);
  find('words').replaceChildren(
    ...words.map(({ text, score }) => {
      const one = span(`${text} `);
      one.style.setProperty('--heat', String(heat(score, ofWords)));
      return one;
    }),
  );
  const boxes = Array.from({ length: shown.count }, (_, i) => [...shown.boxes.subarray(4 * i, 4 * i + 4)]);
  showScene(
    { ...scene, boxes },
    regions.map((score) => heat(score, regions)),
  );
}

/** The regions that the detector finds in the picture alone. */
async function detectedRegions(drawn: Scene): Promise<ReturnType<typeof pixelFeatures>> {
  if (detector === null) throw new Error('the detector is not loaded');
  const [regions] = await pixelDetector(detector, SHAPES_RECIPE.features).detect([drawScene(drawn)]);
  if (regions === undefined) throw new Error('the detector gave nothing for the picture');
  return regions;
}

function span(text: string): HTMLElement {
  const element = document.createElement('span');
  element.textContent = text;
  return element;
}

function newScene(drawn: Scene): void {
  scene = drawn;
  const questions = questionsAbout(scene).map(({ text }) => text);
  find('questions').replaceChildren(...questions.map((text) => new Option(text)));
  question.value = random.pick(questions);
  showScene(scene, []);
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

async function learn(): Promise<void> {
  if (loaded === null) return;
  const color = word.value as NewColor;
  if (loaded.processor.answers?.classOf(color) !== null) return say(`the model knows ${color} already`);
  const before = await accuracy(color);
  const points: [number, number][] = [];
  const { ask, ...model } = loaded;
  await ask.dispose();
  loaded = null;
  const grown = await learnColor(model, color, new RandomStream(0, `learn ${color}`), async (step, loss) => {
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
  await answer();
}

async function save(): Promise<void> {
  if (loaded === null) return;
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([await zipOf(loaded)], { type: 'application/zip' }));
  link.download = 'visualbert.zip';
  link.click();
  URL.revokeObjectURL(link.href);
}

function onSubmit(id: string, task: () => Promise<void>): void {
  find(id).addEventListener('submit', (event) => {
    event.preventDefault();
    run(task);
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
method.addEventListener('change', () => run(answer));
find('detect').addEventListener('change', () => run(answer));
find('abort').addEventListener('click', () => download.abort());
find('forget').addEventListener('click', () => run(emptyCache));
find('save').addEventListener('click', () => run(save));
find('new-scene').addEventListener('click', () => {
  newScene(createScene('scene', random, {}));
  run(answer);
});
backend.value = await bestBackend();
backend.disabled = false; // not before: a choice would be lost
find<HTMLButtonElement>('load').disabled = false;
say('choose a model and load it');
