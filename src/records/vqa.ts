// VQA 2.0 questions and annotations (VizWiz, TextVQA and the like in the same layout), plain or gzip JSON.
import { openSource } from '#platform';
import { DataError } from '../errors.js';
import { readJsonRecords } from '../formats/json.js';
import { aboutFiles, asObject, createIdCheck, idField, listField, textField } from './fields.js';

export interface VqaQuestion {
  questionId: string;
  imageId: string;
  question: string;
}

/** One annotator's answer. Two of a question with equal `answer` and `source` count as one in the official leave-one-out. */
export interface VqaAnswer {
  answer: string;
  /** All other fields of the answer (confidence, answer_id) as text. */
  source: string;
}

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

/**
 * Reads a questions file, the official `{ questions: [...] }`.
 * @throws DataError naming the record: missing field, duplicate question id.
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
 */
export async function readVqaAnnotations(path: string): Promise<VqaAnnotation[]> {
  const requireNew = createIdCheck('the annotation of question');
  const sources = new Map<string, string>(); // ten answers a question share the same few texts
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
 * Reads easy-VQA's `questions.json`, lists of `[question, answer, image id]`: each answer counts as that of ten annotators, so that the
 * official accuracy is 1 for it and 0 for all others. Questions have no ids there: they are numbered, from `first`.
 * @see https://github.com/vzhou842/easy-VQA
 */
export async function readEasyVqa(path: string, { first = 0 }: { first?: number } = {}): Promise<VqaExample[]> {
  const tenTimes = new Map<string, VqaAnswer[]>(); // 13 answers in all
  return (await readJsonRecords(path)).map(({ value, where }, i) => {
    const [question, answer, image] = Array.isArray(value) ? (value as unknown[]) : [];
    if (
      typeof question !== 'string' ||
      typeof answer !== 'string' ||
      (typeof image !== 'number' && typeof image !== 'string')
    ) {
      throw new DataError(
        `${where}: expected [question, answer, image id], received ${JSON.stringify(value).slice(0, 60)}`,
      );
    }
    if (!tenTimes.has(answer))
      tenTimes.set(
        answer,
        Array.from({ length: 10 }, (_, annotator) => ({ answer, source: String(annotator) })),
      );
    const questionId = String(first + i);
    const answerType = answer === 'yes' || answer === 'no' ? 'yes/no' : 'other';
    const answers = tenTimes.get(answer) ?? [];
    const annotation = { questionId, questionType: 'none of the above', answerType, usualAnswer: answer, answers };
    return { questionId, imageId: String(image), question, annotation };
  });
}

/** Whether a questions file is easy-VQA's: an array of arrays instead of the official object. */
export async function isEasyVqa(path: string): Promise<boolean> {
  const source = await openSource(path);
  try {
    const head = await source.read(0, Math.min(64, source.size));
    return /^\s*\[\s*\[/.test(new TextDecoder().decode(head));
  } finally {
    await source.close();
  }
}

/** A question with its annotation, null where there is none (test sets). */
export interface VqaExample extends VqaQuestion {
  annotation: VqaAnnotation | null;
}

/**
 * Joins questions with annotations by question id, in the order of the questions.
 * @throws DataError when some but not all questions are annotated, or an annotation has no question.
 */
export function joinVqa(questions: readonly VqaQuestion[], annotations: readonly VqaAnnotation[] | null): VqaExample[] {
  if (annotations === null) return questions.map((question) => ({ ...question, annotation: null }));
  const byId = new Map(annotations.map((annotation) => [annotation.questionId, annotation]));
  const examples = questions.map((question) => {
    const annotation = byId.get(question.questionId);
    if (annotation === undefined) {
      throw new DataError(
        `question ${question.questionId} has no annotation; are the questions and annotations of the same split?`,
      );
    }
    byId.delete(question.questionId);
    return { ...question, annotation };
  });
  const [left] = byId.keys();
  if (left !== undefined) {
    throw new DataError(
      `annotation of question ${left}, and ${byId.size - 1} more, have no question; are both files of the same split?`,
    );
  }
  return examples;
}

/**
 * Reads and joins several questions files (the official layout or easy-VQA's) with their annotations.
 * @throws DataError when there is not one annotations file for each.
 */
export async function readVqaExamples(
  questions: readonly string[],
  annotations: readonly string[] | undefined,
): Promise<VqaExample[]> {
  if (annotations !== undefined && annotations.length !== questions.length) {
    throw new DataError(
      `expected one annotations file for each of the ${questions.length} questions files, received ${annotations.length}`,
    );
  }
  const all: VqaExample[] = [];
  for (const [i, path] of questions.entries()) {
    const annotationPath = annotations?.[i];
    const examples = (await isEasyVqa(path))
      ? await readEasyVqa(path, { first: all.length })
      : await readJoined(path, annotationPath);
    for (const example of examples) all.push(example);
  }
  return all;
}

async function readJoined(questionPath: string, annotationPath: string | undefined): Promise<VqaExample[]> {
  const questions = await readVqaQuestions(questionPath);
  if (annotationPath === undefined) return joinVqa(questions, null);
  const annotations = await readVqaAnnotations(annotationPath);
  return aboutFiles([questionPath, annotationPath], () => joinVqa(questions, annotations));
}

/**
 * Reads a results file, `[{ question_id, answer }]`, as question id -> answer.
 * @throws DataError naming the record: missing field, question answered twice.
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
