// Writes a data set of shapes: pictures with boxes, VQA 2.0 questions and NLVR statements about them.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildVocabulary, encodePng } from '../../src/node.js';
import { balanced, type Probe, sampled } from './balance.js';
import { drawScene } from './draw.js';
import { questionsAbout } from './questions.js';
import { RandomStream } from './random-stream.js';
import { createScene, heldOutPairs, type Scene } from './scene.js';
import { statementsAbout } from './statements.js';

/** `test-new`: scenes with color-shape pairs that no other split shows; its questions depend on them. */
export const SPLITS = ['train', 'validation', 'test', 'test-new'] as const;
export type Split = (typeof SPLITS)[number];

export interface ShapesDataOptions {
  seed: number;
  trainScenes: number;
  /** Scenes of each other split. */
  testScenes: number;
  /** Training questions, and statements, of each template; the other splits get the share that their scenes allow. */
  perTemplate: number;
}

/** One split's scenes and what is asked and stated about them. */
export interface ShapesSplit {
  readonly scenes: readonly Scene[];
  readonly questions: readonly Probe[];
  readonly statements: readonly Probe[];
}

export interface ShapesData {
  /** The color-shape pairs, such as 'red circle', that only `test-new` shows. */
  readonly newPairs: ReadonlySet<string>;
  readonly splits: Readonly<Record<Split, ShapesSplit>>;
}

/** Everything of a seed: the same options give the same data. */
export function createShapesData(options: ShapesDataOptions): ShapesData {
  const newPairs = heldOutPairs(new RandomStream(options.seed, 'pairs'));
  const create = (split: Split): ShapesSplit => createSplit(split, newPairs, options);
  return {
    newPairs,
    splits: {
      train: create('train'),
      validation: create('validation'),
      test: create('test'),
      'test-new': create('test-new'),
    },
  };
}

function createSplit(split: Split, newPairs: ReadonlySet<string>, options: ShapesDataOptions): ShapesSplit {
  const { seed, trainScenes, testScenes } = options;
  const random = new RandomStream(seed, split);
  const isTraining = split === 'train';
  const rule = split === 'test-new' ? { withOneOf: [...newPairs] } : { without: newPairs };
  const scenes = Array.from({ length: isTraining ? trainScenes : testScenes }, (_, i) =>
    createScene(`${split}-${i}`, random, rule),
  );
  const each = Math.ceil(isTraining ? options.perTemplate : (options.perTemplate * testScenes) / trainScenes);
  const choose = (probes: readonly Probe[]): Probe[] => {
    const isNew = ({ pairs }: Probe): boolean => pairs.some((pair) => newPairs.has(pair));
    if (split !== 'test-new')
      return balanced(
        probes.filter((probe) => !isNew(probe)),
        each,
        random,
      );
    const isOpen = ({ answer }: Probe): boolean => !['yes', 'no', 'true', 'false'].includes(answer);
    const about = probes.filter(isNew);
    return [
      ...sampled(about.filter(isOpen), each, random),
      ...balanced(
        about.filter((probe) => !isOpen(probe)),
        each,
        random,
      ),
    ];
  };
  return {
    scenes,
    questions: choose(scenes.flatMap(questionsAbout)),
    statements: choose(scenes.flatMap(statementsAbout)),
  };
}

/** Where a data set lies. */
export interface ShapesPaths {
  /** PNG pictures and boxes.json. */
  images: string;
  vocabulary: string;
  questions(split: Split): string;
  annotations(split: Split): string;
  statements(split: Split): string;
}

export function shapesPaths(folder: string): ShapesPaths {
  return {
    images: join(folder, 'images'),
    vocabulary: join(folder, 'vocab.txt'),
    questions: (split) => join(folder, `vqa-${split}-questions.json`),
    annotations: (split) => join(folder, `vqa-${split}-annotations.json`),
    statements: (split) => join(folder, `nlvr-${split}.json`),
  };
}

/** Makes a data set and writes it. */
export async function writeShapesData(folder: string, options: ShapesDataOptions): Promise<ShapesData> {
  const paths = shapesPaths(folder);
  await mkdir(paths.images, { recursive: true });
  const data = createShapesData(options);
  const splits = Object.entries(data.splits) as [Split, ShapesSplit][];
  const scenes = splits.flatMap(([, split]) => split.scenes);
  for (const scene of scenes) await writeFile(join(paths.images, `${scene.id}.png`), encodePng(drawScene(scene)));
  const boxes = Object.fromEntries(scenes.map((scene) => [scene.id, scene.boxes]));
  await writeFile(join(paths.images, 'boxes.json'), JSON.stringify(boxes));
  const texts = splits.flatMap(([, split]) => [...split.questions, ...split.statements].map(({ text }) => text));
  await writeFile(paths.vocabulary, buildVocabulary(texts).join('\n'));
  for (const [split, { questions, statements }] of splits) {
    await writeFile(paths.questions(split), JSON.stringify({ questions: questions.map(questionRecord) }));
    await writeFile(paths.annotations(split), JSON.stringify({ annotations: questions.map(annotationRecord) }));
    await writeFile(paths.statements(split), statements.map(statementLine).join(''));
  }
  return data;
}

function questionRecord({ sceneId, text }: Probe, index: number): object {
  return { question_id: index, image_id: sceneId, question: text };
}

/** Ten annotators of one mind. @see https://visualqa.org/vqa_v2_download.html "annotations" */
function annotationRecord({ sceneId, template, answer }: Probe, index: number): object {
  return {
    question_id: index,
    image_id: sceneId,
    question_type: template,
    answer_type: answerType(answer),
    multiple_choice_answer: answer,
    answers: Array.from({ length: 10 }, (_, i) => ({ answer, answer_confidence: 'yes', answer_id: i + 1 })),
  };
}

function answerType(answer: string): string {
  if (answer === 'yes' || answer === 'no') return 'yes/no';
  return /^\d+$/.test(answer) ? 'number' : 'other';
}

function statementLine({ sceneId, text, answer }: Probe, index: number): string {
  return `${JSON.stringify({ identifier: String(index), sentence: text, label: answer, image_id: sceneId })}\n`;
}
