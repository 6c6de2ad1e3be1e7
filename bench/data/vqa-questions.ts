// Generated questions in VQA 2.0's format for timed runs, with the lengths and variety of the real ones.
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RandomStream } from '../../examples/shapes/random-stream.js';
import { buildVocabulary } from '../../src/node.js';
import { benchCache } from '../subjects/python-env.js';

/** Classes of the authors' VQA head. */
const ANSWERS = 3129;
const QUESTIONS = 3000;
/** Rows of the checkpoint's word table; unused entries fill the vocabulary up, as in BERT's own. */
const VOCABULARY_SIZE = 30_522;
/** Questions about one picture in VQA 2.0, on average. */
const QUESTIONS_OF_A_PICTURE = 5;
/** Share of questions of 3, 4, ... words, as in VQA 2.0's validation questions (mean 6.2). */
const LENGTH_SHARES = [0.03, 0.17, 0.24, 0.2, 0.13, 0.08, 0.05, 0.035, 0.025, 0.015, 0.01, 0.005, 0.005, 0.005];
const WORDS =
  'what is the man holding in his hand color are these how many people can be seen does this animal look like it eating which side of street sign a red bus'.split(
    ' ',
  );

/** A folder with questions.json, annotations.json, answers.txt and vocab.txt, made once. */
export function makeVqaQuestions(): string {
  const folder = join(benchCache(), 'vqa-questions');
  if (existsSync(folder)) return folder;
  const part = `${folder}.part`;
  rmSync(part, { recursive: true, force: true });
  mkdirSync(part, { recursive: true });
  const random = new RandomStream(0, 'vqa questions');
  const answers = ['<unk>', ...Array.from({ length: ANSWERS - 1 }, (_, i) => `answer ${i + 1}`)];
  const questions = Array.from({ length: QUESTIONS }, (_, i) => ({
    question_id: i,
    image_id: Math.floor(i / QUESTIONS_OF_A_PICTURE),
    question: `${Array.from({ length: lengthOf(random.between(0, 1)) }, () => random.pick(WORDS)).join(' ')}?`,
  }));
  const annotations = questions.map(({ question_id, image_id }) => {
    const answer = answers[1 + Math.floor(random.between(0, ANSWERS - 1))] as string;
    return {
      ...{ question_id, image_id, question_type: 'what', answer_type: 'other', multiple_choice_answer: answer },
      answers: Array.from({ length: 10 }, (_, i) => ({ answer, answer_confidence: 'yes', answer_id: i + 1 })),
    };
  });
  const write = (name: string, text: string): void => writeFileSync(join(part, name), text);
  write('questions.json', JSON.stringify({ questions }));
  write('annotations.json', JSON.stringify({ annotations }));
  write('answers.txt', `${answers.join('\n')}\n`);
  const pieces = buildVocabulary(questions.map(({ question }) => question));
  const unused = Array.from({ length: VOCABULARY_SIZE - pieces.length }, (_, i) => `[unused${i}]`);
  write('vocab.txt', `${[...pieces, ...unused].join('\n')}\n`);
  renameSync(part, folder);
  return folder;
}

/** Words of a question for a number in [0, 1). */
function lengthOf(chance: number): number {
  let rest = chance;
  const index = LENGTH_SHARES.findIndex((share) => (rest -= share) < 0);
  return 3 + (index < 0 ? LENGTH_SHARES.length - 1 : index);
}
