// The page at `/`: choose a picture, ask, see the answers and their explanation. Its three files come from the package.
import type { FastifyInstance } from 'fastify';
import { createPageElements } from '../../explain/page/elements.js';
import { EXPLANATION_STYLE } from '../../explain/page/style.js';
import { html } from '../../html/escape.js';
import { servedPage } from '../../html/page.js';
import { pageScript } from '../../html/script.js';
import { BASE_STYLE } from '../../html/stylesheet.js';
import { attendingPosition } from '../../explain/contract.js';
import { groupsOf } from './answer-groups.js';
import { runPage } from './client.js';
import { createPagePictures } from './pictures.js';
import { createPageRequests } from './requests.js';
import { SERVED_STYLE } from './style.js';

const [STYLE, SCRIPT] = ['/page.css', '/page.js'];

const PAGE = servedPage({
  title: 'VisualBERT',
  style: STYLE,
  script: SCRIPT,
  body: html`
    <header>
      <h1>VisualBERT</h1>
      <p id="model" class="faint"></p>
    </header>
    <noscript><p>This page needs JavaScript, which this server sends.</p></noscript>
    <form id="login" hidden>
      <label>Token of this server <input id="token" type="password" autocomplete="off" required /></label>
      <button>Continue</button>
    </form>
    <p id="problem" role="alert" hidden></p>
    <main hidden>
      <section aria-label="Picture">
        <div id="images"></div>
        <fieldset id="slots" hidden>
          <legend>Choose the picture on the</legend>
          <label><input type="radio" name="slot" value="0" checked /> left</label>
          <label><input type="radio" name="slot" value="1" /> right</label>
        </fieldset>
        <div id="store" hidden>
          <label>Find a picture <input id="search" type="search" placeholder="part of its id" /></label>
          <select id="ids" size="6" aria-label="Pictures"></select>
          <p id="found" class="faint" role="status"></p>
        </div>
        <p id="upload" hidden>
          <label>Your own picture <input id="file" type="file" accept="image/*" /></label>
        </p>
      </section>
      <section aria-label="Question and answers">
        <form id="ask">
          <div id="fields"></div>
          <button id="send">Ask</button>
        </form>
        <div id="result" hidden>
          <h2>Answers</h2>
          <p id="cut" class="faint" role="status" hidden>The text is too long for the model; its end was not read.</p>
          <div id="answers"></div>
          <h2>Where the model looked</h2>
          <div id="controls">
            <label
              >Show
              <select id="method">
                <option value="relevance">gradient-weighted relevance</option>
                <option value="leave-out">leaving out</option>
                <option value="rollout">attention rollout</option>
                <option value="attention">attention of the last layer</option>
              </select></label
            >
          </div>
          <p id="from" class="faint" role="status"></p>
          <div id="words"></div>
          <h2>Regions, highest first</h2>
          <ol id="regions"></ol>
        </div>
      </section>
    </main>
  `,
});

/** The functions of the page by their source, and the call that fills it. */
const SCRIPT_TEXT = pageScript(`
  const elements = (${createPageElements.toString()})();
  const requests = (${createPageRequests.toString()})(() => { elements.find('login').hidden = false; });
  const pictures = (${createPagePictures.toString()})(elements, requests);
  (${runPage.toString()})({ elements, requests, pictures, groupsOf: ${groupsOf.toString()}, attendingPosition: ${attendingPosition.toString()} });
`);

/** Adds the page. */
export function addPage(app: FastifyInstance): void {
  const files: readonly [address: string, type: string, text: string][] = [
    ['/', 'text/html; charset=utf-8', PAGE],
    [STYLE, 'text/css; charset=utf-8', BASE_STYLE + EXPLANATION_STYLE + SERVED_STYLE],
    [SCRIPT, 'text/javascript; charset=utf-8', SCRIPT_TEXT],
  ];
  for (const [address, type, text] of files) {
    app.get(address, { config: { isOpen: true }, schema: { hide: true } }, async (_, reply) =>
      reply.type(type).header('cache-control', 'no-cache').serializer(String).send(text),
    );
  }
}
