// easy-VQA's questions: lists of question, answer and image id.
import { openSource } from '#platform';
import { DataError } from '../errors.js';
import { readJsonRecords } from '../formats/json.js';
import type { VqaAnswer, VqaExample } from './vqa.js';
import { requireKinds } from '../options.js';

/**
 * Reads easy-VQA's `questions.json`, lists of `[question, answer, image id]`: each answer is repeated for ten annotators, so that the
 * official accuracy is 1 for it and 0 for all others. Questions without ids are numbered from `first`.
 * @example
 * const [{ question, annotation }] = await readEasyVqa('easy-vqa/questions.json');
 * annotation.usualAnswer; // 'circle', of ten annotators
 * @see https://github.com/vzhou842/easy-VQA
 */
export async function readEasyVqa(path: string, options: { first?: number } = {}): Promise<VqaExample[]> {
  requireKinds('readEasyVqa', { 'a path': { path }, 'an object': { options } });
  const { first = 0 } = options;
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

/**
 * Whether a questions file is easy-VQA's: an array of arrays instead of the official object.
 * @example
 * await isEasyVqa('easy-vqa/questions.json'); // true
 */
export async function isEasyVqa(path: string): Promise<boolean> {
  requireKinds('isEasyVqa', { 'a path': { path } });
  const source = await openSource(path);
  try {
    const head = await source.read(0, Math.min(64, source.size));
    return /^\s*\[\s*\[/.test(new TextDecoder().decode(head));
  } finally {
    await source.close();
  }
}
