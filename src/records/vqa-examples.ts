// Questions with their annotations, of one or several files in VQA 2.0's or easy-VQA's layout.
import { DataError } from '../errors.js';
import { isEasyVqa, readEasyVqa } from './easy-vqa.js';
import { aboutFiles } from './fields.js';
import { readVqaAnnotations, readVqaQuestions, type VqaAnnotation, type VqaExample, type VqaQuestion } from './vqa.js';
import { requireKinds } from '../options.js';
import { firstOf } from '../words.js';

/**
 * Joins questions with annotations by question id, in the order of the questions.
 * @throws DataError when some but not all questions are annotated, or an annotation has no question.
 * @example
 * const examples = joinVqa(await readVqaQuestions('questions.json'), await readVqaAnnotations('annotations.json'));
 * const { question, annotation } = examples[0]; // annotation.usualAnswer: 'red'
 */
export function joinVqa(questions: readonly VqaQuestion[], annotations: readonly VqaAnnotation[] | null): VqaExample[] {
  requireKinds('joinVqa', { 'a list': { questions, annotations: annotations === null ? [] : annotations } });
  if (annotations === null) return questions.map((question) => ({ ...question, annotation: null }));
  const byId = new Map(annotations.map((annotation) => [annotation.questionId, annotation]));
  const examples = questions.map((question) => {
    const annotation = byId.get(question.questionId);
    if (annotation === undefined) {
      throw new DataError(`question ${question.questionId} has no annotation; give the annotations of the same split`);
    }
    byId.delete(question.questionId);
    return { ...question, annotation };
  });
  if (byId.size > 0) {
    const left = firstOf([...byId.keys()].map(String));
    throw new DataError(`annotations without a question: ${left}; give the questions of the same split`);
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
