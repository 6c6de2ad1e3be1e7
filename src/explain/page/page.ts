// One self-contained HTML file about an answer: works from disk, without network access.
import { writeTextAtomic } from '#platform';
import { html } from '../../html/escape.js';
import { htmlPage } from '../../html/page.js';
import { pageScript } from '../../html/script.js';
import { attendingPosition } from '../contract.js';
import { showExplanation } from './client.js';
import type { PageData } from './data.js';
import { createPageElements } from './elements.js';
import { EXPLANATION_STYLE } from './style.js';
import { requireKinds } from '../../options.js';

const METHODS: readonly [value: string, name: string][] = [
  ['relevance', 'gradient-weighted relevance'],
  ['leave-out', 'leaving out'],
  ['rollout', 'attention rollout'],
  ['attention', 'attention of a layer'],
];

/**
 * Writes the page to a file, atomically.
 * @example
 * const ask = await pipeline('visual-question-answering', 'runs/vqa');
 * const text = 'What color is the bus?';
 * const data = await pageDataOf(ask, { question: text, regions }, { text, pictures: [] });
 * await writeExplanationPage('why.html', data);
 */
export async function writeExplanationPage(path: string, data: PageData): Promise<void> {
  requireKinds('writeExplanationPage', { 'a path': { path } });
  await writeTextAtomic(path, explanationPage(data));
}

/**
 * The page as text.
 * @example
 * const ask = await pipeline('visual-question-answering', 'runs/vqa');
 * const text = 'What color is the bus?';
 * const page = explanationPage(await pageDataOf(ask, { question: text, regions }, { text })); // '<!doctype html>...'
 * await ask.dispose();
 */
export function explanationPage(data: PageData): string {
  requireKinds('explanationPage', { 'an object': { data } });
  // Inside a script only </ and <!-- would end or change it.
  const json = JSON.stringify(data).replace(/</g, '\\u003c');
  const body = html`
    <h1>${data.text}</h1>
    ${data.asked === null ? null : html`<p class="faint">asked about: ${data.asked}</p>`}
    ${data.truncated ? html`<p>The text is too long for the model; its end was not read.</p>` : null}
    <noscript><p>This page needs JavaScript, which it carries itself.</p></noscript>
    <main>
      <section id="images" aria-label="Pictures with regions"></section>
      <section aria-label="Explanation">
        <h2>Answers</h2>
        <ol id="answers"></ol>
        <h2>Method</h2>
        <div id="controls">
          <label
            >Show
            <select id="method">
              ${METHODS.map(([value, name]) => html`<option value="${value}">${name}</option>`)}
            </select></label
          >
          <span id="layers" hidden
            ><label
              >layer
              <select id="layer"></select></label
            ><label
              >head
              <select id="head"></select></label
          ></span>
        </div>
        <p id="note" class="faint"></p>
        <h2>Words</h2>
        <div id="words"></div>
        <p id="from" class="faint" role="status"></p>
        <h2>Regions, highest first</h2>
        <ol id="regions"></ol>
        <p class="faint">
          Words and regions are shaded each by their own largest value. The list has the values of regions; a mouse over
          a word shows its value, and <code>visualbert explain --json</code> prints all.
        </p>
      </section>
    </main>
  `;
  const script = pageScript(
    `(${showExplanation.toString()})(${json}, (${createPageElements.toString()})(), ${attendingPosition.toString()});`,
  );
  return htmlPage({ title: data.text, body, style: EXPLANATION_STYLE, script });
}
