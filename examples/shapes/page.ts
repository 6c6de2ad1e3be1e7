// Predictions as a page to click through: one self-contained file.
import { html, htmlPage } from '../../src/node.js';
import { isRight, PANEL_COLORS, PANEL_HEIGHT, PANEL_WIDTH, type Prediction, predictionPanel } from './panel.js';

const STYLE = `
  main { display: flex; gap: 1em; justify-content: center; margin: 1em 0; }
  article { flex: 0 1 30em; min-width: 0; padding: 1em; border: 1px solid var(--line); border-radius: 8px; }
  article[hidden] { display: none; }
  /* The panel has the colors of paper: here those of the page, which may be dark. */
  text[fill="${PANEL_COLORS.ink}"] { fill: var(--ink); }
  text[fill="${PANEL_COLORS.right}"] { fill: var(--right); }
  text[fill="${PANEL_COLORS.wrong}"] { fill: var(--wrong); }
  rect[fill="${PANEL_COLORS.bar}"] { fill: var(--bar); }
  nav { display: flex; gap: 0.6em; align-items: center; justify-content: center; flex-wrap: wrap; }
  button { font: inherit; padding: 0.2em 0.9em; }
  output { min-width: 8em; text-align: center; }
`;

/** A page that shows one prediction at a time, on wide screens three; the first is answered right, if any is. */
export function predictionPage(title: string, predictions: readonly Prediction[]): string {
  const first = predictions.find(isRight);
  const ordered = first === undefined ? predictions : [first, ...predictions.filter((one) => one !== first)];
  const articles = ordered.map((prediction) => {
    const label = `${prediction.text} ${prediction.answers[0]?.answer ?? ''}`;
    const box = `0 0 ${PANEL_WIDTH} ${PANEL_HEIGHT}`;
    return html`<article data-right="${isRight(prediction) ? 'yes' : 'no'}">
      <svg viewBox="${box}" role="img" aria-label="${label}">${predictionPanel(prediction)}</svg>
    </article>`;
  });
  const right = predictions.filter(isRight).length;
  const body = html`<h1>${title}</h1>
    <p class="faint">
      ${right} of these ${predictions.length} are answered right. Arrow keys go through them, Home and End to the first
      and last.
    </p>
    <nav>
      <button type="button" id="previous">Previous</button>
      <output id="place"></output>
      <button type="button" id="next">Next</button>
      <label><input type="checkbox" id="wrong" /> wrong ones only</label>
    </nav>
    <main>${articles}</main>`;
  return htmlPage({ title, body, style: STYLE, script: `(${showPredictions.toString()})()` });
}

/** Runs in the page. Its source is written into the page, so that it uses nothing from outside itself. */
function showPredictions(): void {
  const all = Array.from(document.querySelectorAll('article'));
  const wrongOnly = document.getElementById('wrong') as HTMLInputElement;
  let page = 0;
  const show = (): void => {
    const shown = all.filter((article) => !wrongOnly.checked || article.dataset['right'] === 'no');
    const columns = window.matchMedia('(min-width: 64em)').matches ? 3 : 1;
    const pages = Math.max(1, Math.ceil(shown.length / columns));
    page = (Math.min(page, pages) + pages) % pages;
    const [first, last] = [page * columns, Math.min(shown.length, (page + 1) * columns)];
    for (const article of all) article.hidden = !shown.slice(first, last).includes(article);
    const place = document.getElementById('place') as HTMLOutputElement;
    const numbers = last - first > 1 ? `${first + 1} to ${last}` : String(last);
    place.value = shown.length === 0 ? 'none is wrong' : `${numbers} of ${shown.length}`;
  };
  const goTo = (to: number): void => {
    page = to;
    show();
  };
  document.getElementById('previous')?.addEventListener('click', () => goTo(page - 1));
  document.getElementById('next')?.addEventListener('click', () => goTo(page + 1));
  wrongOnly.addEventListener('change', () => goTo(0));
  window.addEventListener('resize', () => goTo(0));
  document.addEventListener('keydown', ({ key }) => {
    if (key === 'ArrowLeft') goTo(page - 1);
    if (key === 'ArrowRight') goTo(page + 1);
    if (key === 'Home') goTo(0);
    if (key === 'End') goTo(-1); // the one before the first
  });
  show();
}
