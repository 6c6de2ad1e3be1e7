// VQA 2.0 questions and annotations (VizWiz, TextVQA and the like in the same layout), plain or gzip JSON.
import { DataError } from '../errors.js';
import { readJsonRecords } from '../formats/json.js';
import { asObject, createIdCheck, idField, listField, textField } from './fields.js';

/** A question of VQA. */
export interface VqaQuestion {
  questionId: string;
  imageId: string;
  question: string;
}

/** One annotator's answer. Answers of a question with equal `answer` and `source` count once in the official leave-one-out. */
export interface VqaAnswer {
  answer: string;
  /** All other fields of the answer (confidence, answer_id) as text. */
  source: string;
}

/** The answers to a question of VQA. */
export interface VqaAnnotation {
  questionId: string;
  /** "none of the above" where the file has none. */
  questionType: string;
  /** "yes/no", "number" or "other"; "other" where the file has none (TextVQA). */
  answerType: string;
  /** The file's `multiple_choice_answer`; the most frequent answer (of several the first) where it has none. */
  usualAnswer: string;
  answers: VqaAnswer[];
}

/** A question with its annotation, null where there is none (test sets). */
export interface VqaExample extends VqaQuestion {
  annotation: VqaAnnotation | null;
}

/**
 * Reads a questions file, the official `{ questions: [...] }`.
 * @throws DataError naming the record: missing field, duplicate question id.
 * @example
 * const [first] = await readVqaQuestions('questions.json'); // { questionId: '42001', imageId: '42', question: 'What color is the bus?' }
 * @see https://visualqa.org/vqa_v2_download.html
 */
export async function readVqaQuestions(path: string): Promise<VqaQuestion[]> {
  const requireNew = createIdCheck('question');
  return (await readJsonRecords(path, 'questions')).map((record) => {
    const object = asObject(record);
    const question = {
      questionId: idField(object, 'question_id', record.where),
      imageId: idField(object, 'image_id', record.where),
      question: textField(object, 'question', record.where),
    };
    requireNew(question.questionId, record.where);
    return question;
  });
}

/**
 * Reads an annotations file, the official `{ annotations: [...] }`.
 * @throws DataError naming the record: missing field, no answers, duplicate question id.
 * @example
 * const [{ usualAnswer, answers }] = await readVqaAnnotations('annotations.json');
 * usualAnswer; // 'red'
 * answers.length; // 10, one from each annotator
 */
export async function readVqaAnnotations(path: string): Promise<VqaAnnotation[]> {
  const requireNew = createIdCheck('the annotation of question');
  const sources = new Map<string, string>(); // the ten answers per question share a few texts
  return (await readJsonRecords(path, 'annotations')).map((record) => {
    const object = asObject(record);
    const { where } = record;
    const questionId = idField(object, 'question_id', where);
    requireNew(questionId, where);
    const answers = listField(object, 'answers', where).map((value, i) => {
      const { answer, ...rest } = asObject({ value, where: `${where}, answer ${i}` });
      const source = JSON.stringify(rest);
      if (!sources.has(source)) sources.set(source, source);
      return {
        answer: textField({ answer }, 'answer', `${where}, answer ${i}`),
        source: sources.get(source) ?? source,
      };
    });
    if (answers.length === 0) throw new DataError(`${where}: question ${questionId} has no answers`);
    const usual = object['multiple_choice_answer'];
    return {
      questionId,
      questionType: typeof object['question_type'] === 'string' ? object['question_type'] : 'none of the above',
      answerType: typeof object['answer_type'] === 'string' ? object['answer_type'] : 'other',
      usualAnswer: typeof usual === 'string' ? usual : mostFrequent(answers.map(({ answer }) => answer)),
      answers,
    };
  });
}

/**
 * Reads a results file, `[{ question_id, answer }]`, as question id -> answer.
 * @throws DataError naming the record: missing field, question answered twice.
 * @example
 * const results = await readVqaResults('result.json');
 * results.get('42001'); // 'red'
 * @see https://visualqa.org/evaluation.html
 */
export async function readVqaResults(path: string): Promise<Map<string, string>> {
  const requireNew = createIdCheck('the result of question');
  const results = new Map<string, string>();
  for (const record of await readJsonRecords(path)) {
    const object = asObject(record);
    const questionId = idField(object, 'question_id', record.where);
    requireNew(questionId, record.where);
    results.set(questionId, textField(object, 'answer', record.where));
  }
  return results;
}

function mostFrequent(answers: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const answer of answers) counts.set(answer, (counts.get(answer) ?? 0) + 1);
  return [...counts].reduce((best, entry) => (entry[1] > best[1] ? entry : best), ['', 0])[0];
}
