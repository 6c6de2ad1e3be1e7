// A table of the report that scrolls horizontally in narrow windows.
import { type Fragment, html } from '../../html/escape.js';

/** A table with an empty corner. @param className names its style */
export function scrollingTable(className: string, head: readonly Fragment[], rows: readonly Fragment[]): Fragment {
  return html`<div class="scrolling">
    <table class="${className}">
      <thead>
        <tr>
          <th></th>
          ${head}
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
  </div>`;
}
