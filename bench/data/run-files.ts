// Questions for whole runs of both sides: VQA 2.0's files for our commands, the same questions for Python, and region features on disk.
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { normalValues } from '../../src/node.js';
import { parseAnswers } from '../../src/processing/answer-vocabulary.js';
import { vqaQuestionWords } from '../../src/processing/text-forms.js';
import { REGIONS } from '../measurements.js';
import { benchCache } from '../subjects/python-env.js';

/** Width of the VQA checkpoint's regions. */
const WIDTH = 2048;

/** The files of the data set for both sides. */
export interface RunFiles {
  questions: string;
  annotations: string;
  features: string;
  answers: string;
  /** Number of answers in the list. */
  answerCount: number;
  vocabulary: string;
  /** The same questions with their text form and scores, for Python. */
  records: string;
}

/** The first `wanted` questions of a folder with questions.json, annotations.json, answers.txt and vocab.txt; each picture gets region features of its own on disk, since only their size counts. */
export function prepareRunFiles(data: string, wanted: number): RunFiles {
  const folder = join(benchCache(), `epoch-${basename(data)}-${wanted}`);
  const answers = join(data, 'answers.txt');
  const vocabulary = parseAnswers(readFileSync(answers, 'utf8'), answers);
  const files: RunFiles = {
    questions: join(folder, 'questions.json'),
    annotations: join(folder, 'annotations.json'),
    features: join(folder, 'features'),
    answers,
    answerCount: vocabulary.size,
    vocabulary: join(data, 'vocab.txt'),
    records: join(folder, 'records.json'),
  };
  if (existsSync(folder)) return files;
  const part = `${folder}.part`;
  rmSync(part, { recursive: true, force: true });
  mkdirSync(join(part, 'features'), { recursive: true });
  const read = (name: string): unknown => JSON.parse(readFileSync(join(data, `${name}.json`), 'utf8'));
  interface Question {
    question_id: number;
    image_id: number;
    question: string;
  }
  interface Annotation {
    question_id: number;
    answers: { answer: string }[];
  }
  const { questions } = read('questions') as { questions: Question[] };
  const { annotations } = read('annotations') as { annotations: Annotation[] };
  const scoreOf = new Map(
    annotations.map((one) => [one.question_id, vocabulary.softScores(one.answers.map(({ answer }) => answer))]),
  );
  const chosen = questions.slice(0, wanted);
  const ids = new Set(chosen.map(({ question_id }) => question_id));
  const records = chosen.map(({ question_id, image_id, question }) => ({
    text: `${vqaQuestionWords(question)} ? [MASK]`,
    image: image_id,
    scores: [...(scoreOf.get(question_id) ?? [])].flatMap((score, answer) => (score > 0 ? [[answer, score]] : [])),
  }));
  for (const id of new Set(chosen.map(({ image_id }) => image_id))) {
    const values = normalValues(REGIONS * WIDTH, { seed: id, name: 'features', stddev: 1, mean: 0 });
    writeFileSync(join(part, 'features', `${id}.npy`), npy(values.map(Math.abs), [REGIONS, WIDTH]));
  }
  writeFileSync(join(part, 'questions.json'), JSON.stringify({ questions: chosen }));
  writeFileSync(
    join(part, 'annotations.json'),
    JSON.stringify({ annotations: annotations.filter((one) => ids.has(one.question_id)) }),
  );
  writeFileSync(join(part, 'records.json'), JSON.stringify(records));
  renameSync(part, folder);
  return files;
}

/** A numpy file of float32 values. */
function npy(values: Float32Array, shape: readonly number[]): Uint8Array {
  const about = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape.join(', ')}), }`;
  const header = Buffer.from(`${about.padEnd(117)}\n`, 'latin1');
  const magic = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length & 255, header.length >> 8]);
  return Buffer.concat([magic, header, new Uint8Array(values.buffer, values.byteOffset, values.byteLength)]);
}
