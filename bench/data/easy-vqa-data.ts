// easy-VQA in the layout of `visualbert train vqa`, and the same examples as arrays for PyTorch.
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type Dataset, type RawTensor } from '../../src/node.js';
import { openTask } from '../../src/tasks/open-task.js';
import { type VqaTaskExample } from '../../src/tasks/answering/vqa.js';
import { writeTensors } from '../subjects/tensors.js';

/** Both splits number their pictures from 0; an offset is added to those of the test split. */
const FIRST_TEST_PICTURE = 100_000;
/** Length in word pieces to which batches are padded. */
const TEXT_LENGTH = 24;

/** Options of the task for the command. */
export interface EasyVqaOptions {
  questions: string;
  validationQuestions: string;
  features: string;
  answers: string;
}

/** Converts the data set at `source` to the layout of the task, in `folder`, once. */
export function prepareEasyVqa(source: string, folder: string): EasyVqaOptions {
  if (!existsSync(folder)) {
    const part = `${folder}.part`;
    rmSync(part, { recursive: true, force: true });
    mkdirSync(join(part, 'pictures'), { recursive: true });
    for (const split of ['test', 'train'] as const) {
      const first = split === 'test' ? FIRST_TEST_PICTURE : 0;
      const images = join(source, split, 'images');
      for (const name of readdirSync(images)) {
        copyFileSync(join(images, name), join(part, 'pictures', `${first + Number(name.replace('.png', ''))}.png`));
      }
      const text = readFileSync(join(source, split, 'questions.json'), 'utf8');
      const records = JSON.parse(text) as [question: string, answer: string, picture: number][];
      const moved = records.map(([question, answer, picture]) => [question, answer, first + picture]);
      writeFileSync(join(part, `${split}.json`), JSON.stringify(moved));
    }
    writeFileSync(join(part, 'answers.txt'), readFileSync(join(source, 'answers.txt')));
    renameSync(part, folder);
  }
  return {
    questions: join(folder, 'train.json'),
    validationQuestions: join(folder, 'test.json'),
    features: join(folder, 'pictures'),
    answers: join(folder, 'answers.txt'),
  };
}

/** Writes train.safetensors and test.safetensors for twin_easy_vqa.py. @returns the settings of a new model from the data. */
export async function writeForPython(
  options: EasyVqaOptions,
  folder: string,
): Promise<{ config: Record<string, unknown>; trainingExamples: number }> {
  const opened = await openTask('vqa', options, { purpose: 'train', model: null });
  const splits = { train: opened.data, test: opened.validation } as Record<string, Dataset<VqaTaskExample>>;
  mkdirSync(folder, { recursive: true });
  for (const [split, dataset] of Object.entries(splits)) {
    const path = join(folder, `${split}.safetensors`);
    if (!existsSync(path)) await writeTensors(path, await toArrays(dataset, readAnswers(options.answers)));
  }
  await opened.close();
  return { config: { ...opened.config }, trainingExamples: opened.data.length };
}

function readAnswers(path: string): string[] {
  return readFileSync(path, 'utf8').trim().split(/\r?\n/);
}

/** `features [pictures, v, d]`, and for each question `image`, `label` and its word pieces. */
async function toArrays(
  dataset: Dataset<VqaTaskExample>,
  answers: readonly string[],
): Promise<Record<string, RawTensor>> {
  const n = dataset.length;
  const pictures = new Map<string, number>();
  const features: Float32Array[] = [];
  const [image, label] = [new Int32Array(n), new Int32Array(n)];
  const [inputIds, attentionMask] = [new Int32Array(n * TEXT_LENGTH), new Int32Array(n * TEXT_LENGTH)];
  let regionShape = [0, 0];
  for (let i = 0; i < n; i++) {
    const example = await dataset.example(i);
    const { record, text } = example;
    const [regions] = example.regions;
    if (regions === undefined) throw new Error(`question ${record.questionId} has no picture`);
    if (!pictures.has(record.imageId)) {
      pictures.set(record.imageId, features.length);
      features.push(regions.features);
      regionShape = [regions.count, regions.dim];
    }
    image[i] = pictures.get(record.imageId) ?? 0;
    label[i] = answers.indexOf(record.annotation?.usualAnswer ?? '');
    inputIds.set(text.ids, i * TEXT_LENGTH);
    attentionMask.fill(1, i * TEXT_LENGTH, i * TEXT_LENGTH + text.ids.length);
  }
  const [count = 0, dim = 0] = regionShape;
  const all = new Float32Array(features.length * count * dim);
  features.forEach((values, i) => all.set(values, i * count * dim));
  return {
    features: { dtype: 'float32', shape: [features.length, count, dim], data: all },
    image: { dtype: 'int32', shape: [n], data: image },
    label: { dtype: 'int32', shape: [n], data: label },
    inputIds: { dtype: 'int32', shape: [n, TEXT_LENGTH], data: inputIds },
    attentionMask: { dtype: 'int32', shape: [n, TEXT_LENGTH], data: attentionMask },
  };
}
