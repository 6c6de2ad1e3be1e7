// Predictions as a page to click through: one self-contained file.
import { html, htmlPage } from '../../src/node.js';
import { isRight, PANEL_HEIGHT, PANEL_WIDTH, type Prediction, predictionPanel } from './panel.js';

const STYLE = `
  article { max-width: 30em; margin: 1em auto; padding: 1em; background: #ffffff; border: 1px solid var(--line); border-radius: 8px; }
  nav { display: flex; gap: 0.6em; align-items: center; justify-content: center; flex-wrap: wrap; }
  button { font: inherit; padding: 0.2em 0.9em; }
  output { min-width: 8em; text-align: center; }
`;

/** A page that shows one prediction at a time. */
export function predictionPage(title: string, predictions: readonly Prediction[]): string {
  const articles = predictions.map((prediction) => {
    const label = `${prediction.text} ${prediction.answers[0]?.answer ?? ''}`;
    const box = `0 0 ${PANEL_WIDTH} ${PANEL_HEIGHT}`;
    return html`<article data-right="${isRight(prediction) ? 'yes' : 'no'}">
      <svg viewBox="${box}" role="img" aria-label="${label}">${predictionPanel(prediction)}</svg>
    </article>`;
  });
  const right = predictions.filter(isRight).length;
  const body = html`<h1>${title}</h1>
    <p class="faint">${right} of these ${predictions.length} are right. Arrow keys go through them.</p>
    <nav>
      <button type="button" id="previous">Previous</button>
      <output id="place"></output>
      <button type="button" id="next">Next</button>
      <label><input type="checkbox" id="wrong" /> wrong ones only</label>
    </nav>
    ${articles}`;
  return htmlPage({ title, body, style: STYLE, script: `(${showPredictions.toString()})()` });
}

/** Runs in the page. Its source is written into the page, so that it uses nothing from outside itself. */
function showPredictions(): void {
  const all = Array.from(document.querySelectorAll('article'));
  const wrongOnly = document.getElementById('wrong') as HTMLInputElement;
  let at = 0;
  const show = (): void => {
    const shown = all.filter((article) => !wrongOnly.checked || article.dataset['right'] === 'no');
    at = shown.length === 0 ? 0 : (at + shown.length) % shown.length;
    for (const article of all) article.hidden = article !== shown[at];
    const place = document.getElementById('place') as HTMLOutputElement;
    place.value = shown.length === 0 ? 'none is wrong' : `${at + 1} of ${shown.length}`;
  };
  const go = (by: number): void => {
    at += by;
    show();
  };
  document.getElementById('previous')?.addEventListener('click', () => go(-1));
  document.getElementById('next')?.addEventListener('click', () => go(1));
  wrongOnly.addEventListener('change', () => {
    at = 0;
    show();
  });
  document.addEventListener('keydown', ({ key }) => {
    if (key === 'ArrowLeft') go(-1);
    if (key === 'ArrowRight') go(1);
  });
  show();
}
