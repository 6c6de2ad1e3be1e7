// Self-contained pages: they load nothing from elsewhere, which a content policy enforces.
import { type Fragment, html, Markup } from './escape.js';
import { BASE_STYLE } from './stylesheet.js';
import { requireKinds } from '../options.js';

/** Parts of an HTML page. */
export interface PageParts {
  title: string;
  body: Fragment;
  /** Styles in addition to those of all pages. */
  style?: string;
  /** JavaScript to run when the page has loaded. Must not contain `</script` or `<!--`. */
  script?: string;
}

/**
 * A whole page. Its content policy allows inline styles, pictures as data URLs, and a script when one is given; nothing else.
 * @example
 * const page = htmlPage({ title: 'Answers', body: html`<p>red</p>` }); // '<!doctype html>...'
 */
export function htmlPage(parts: PageParts): string {
  requireKinds('htmlPage', { 'an object': { parts } });
  const { title, body, style = '', script } = parts;
  const policy = `default-src 'none'; img-src data:; style-src 'unsafe-inline'${script === undefined ? '' : "; script-src 'unsafe-inline'"}`;
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta http-equiv="Content-Security-Policy" content="${new Markup(policy)}" />
        <title>${title}</title>
        <style>
          ${new Markup(BASE_STYLE + style)}
        </style>
      </head>
      <body>
        ${body}
        ${
          script === undefined
            ? null
            : html`<script>
                ${new Markup(script)};
              </script>`
        }
      </body>
    </html> `;
  return page.toString();
}

/** A page of the server, with style and script at separate addresses; its content policy is a header of the response. */
export function servedPage({
  title,
  body,
  style,
  script,
}: {
  title: string;
  body: Fragment;
  style: string;
  script: string;
}): string {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title}</title>
        <link rel="stylesheet" href="${style}" />
        <link rel="icon" href="data:," />
        <script src="${script}" defer></script>
      </head>
      <body>
        ${body}
      </body>
    </html> `.toString();
}
