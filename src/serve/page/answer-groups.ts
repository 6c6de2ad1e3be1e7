// The answers that the page lists, for every task.

export interface ShownAnswer {
  label: string;
  index: number;
  score: number;
}

/** The answers to one part of a question: a phrase, a mask, or the whole. */
export interface AnswerGroup {
  title: string | null;
  asked: number;
  answers: ShownAnswer[];
}

/** The groups of a response. Its source is sent to the browser, so it must not use anything from outside. */
export function groupsOf(answer: Record<string, unknown>): AnswerGroup[] {
  const answers = (list: unknown, label: string, index = 'index'): ShownAnswer[] =>
    (list as Record<string, unknown>[]).map((one) => ({
      label: label === '' ? `region ${String(one[index])}` : String(one[label]),
      index: one[index] as number,
      score: one['score'] as number,
    }));
  const whole = (found: ShownAnswer[]): AnswerGroup[] => [{ title: null, asked: 0, answers: found }];
  const { phrases, masks } = answer as {
    phrases?: { phrase: string; regions: unknown }[];
    masks?: { position: number; words: unknown }[];
  };
  if (phrases !== undefined)
    return phrases.map(({ phrase, regions }, asked) => ({ title: phrase, asked, answers: answers(regions, '') }));
  if (masks !== undefined)
    return masks.map(({ words }, asked) => ({
      title: masks.length > 1 ? `[MASK] ${asked + 1}` : null,
      asked,
      answers: answers(words, 'word', 'id'),
    }));
  if (answer['answers'] !== undefined) return whole(answers(answer['answers'], 'answer'));
  if (answer['classes'] !== undefined) return whole(answers(answer['classes'], 'label'));
  if (answer['choices'] !== undefined) return whole(answers(answer['choices'], 'choice'));
  const score = answer['score'] as number;
  return whole([
    { label: 'matches', index: 1, score },
    { label: 'does not match', index: 0, score: 1 - score },
  ]);
}
