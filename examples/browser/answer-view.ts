// Shows an explanation: the answers with their scores, and the words of the question by their relevance.
import { type Explanation } from '../../src/index.js';

/** Shows answers and words. @returns the relevance of each region, 0 to 1 */
export function showAnswer({ answers, words, images }: Explanation): number[] {
  document.getElementById('answers')?.replaceChildren(
    ...answers.map(({ label, score }) => {
      const item = document.createElement('li');
      item.style.setProperty('--share', `${100 * score}%`);
      item.dataset['score'] = String(score);
      item.append(span(label), span(`${(100 * score).toFixed(1)}%`));
      return item;
    }),
  );
  const heats = heatsOf(words.map(({ score }) => score));
  document.getElementById('words')?.replaceChildren(
    ...words.map(({ text }, i) => {
      const word = span(`${text} `);
      word.style.setProperty('--heat', String(heats[i]));
      return word;
    }),
  );
  return heatsOf(images[0]?.regions.map(({ score }) => score) ?? []);
}

/** Removes the answers and words of another question. */
export function clearAnswer(): void {
  for (const id of ['answers', 'words']) document.getElementById(id)?.replaceChildren();
}

/** Scores relative to the highest; scores against the answer become 0. */
function heatsOf(scores: readonly number[]): number[] {
  const highest = Math.max(1e-12, ...scores.map(Math.abs));
  return scores.map((score) => Math.max(0, score / highest));
}

function span(text: string): HTMLElement {
  const element = document.createElement('span');
  element.textContent = text;
  return element;
}
