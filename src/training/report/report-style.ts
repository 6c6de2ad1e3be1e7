// The report's additions to the style of all pages.
import { css } from '../../html/escape.js';

export const REPORT_STYLE: string = css`
  dl {
    display: grid;
    grid-template-columns: max-content 1fr;
    gap: 0.1em 1.2em;
    margin: 0.6em 0 1.4em;
  }
  dt {
    color: var(--faint);
  }
  dd {
    margin: 0;
    min-width: 0;
  }
  .charts,
  .examples {
    display: grid;
    grid-template-columns: repeat(auto-fill, minmax(min(340px, 100%), 1fr));
    gap: 1.2em;
  }
  .examples {
    grid-template-columns: repeat(auto-fill, minmax(min(220px, 100%), 1fr));
  }
  article {
    border: 1px solid var(--line);
    border-radius: 8px;
    padding: 0.7em;
    min-width: 0;
  }
  .pictures {
    display: flex;
    gap: 4px;
  }
  .picture {
    flex: 1;
    min-width: 0;
    max-height: 20em;
  }
  small {
    color: var(--faint);
  }

  .evaluations th:first-child,
  .confusion th:first-child {
    text-align: left;
    white-space: nowrap;
  }
  .evaluations thead th {
    position: sticky;
    top: 0;
    background: var(--paper);
  }
  .evaluations .best {
    background: var(--soft);
    font-weight: 700;
  }
  .confusion td {
    text-align: center;
    min-width: 2em;
  }
  .confusion .hit {
    background: rgb(5 150 105 / calc(var(--share) * 0.7));
  }
  .confusion .miss {
    background: rgb(220 38 38 / calc(var(--share) * 0.7));
  }
  .turned {
    height: 7em;
    vertical-align: bottom;
  }
  .turned span {
    writing-mode: vertical-rl;
    transform: rotate(180deg);
    white-space: nowrap;
    max-height: 12em;
    overflow: hidden;
    text-overflow: ellipsis;
  }

  .bar {
    position: relative;
    display: flex;
    justify-content: space-between;
    gap: 1em;
    padding: 0 4px;
    margin-bottom: 2px;
    font-size: 0.875em;
    isolation: isolate;
  }
  .bar b {
    font-weight: 400;
  }
  .bar i {
    font-style: normal;
    white-space: nowrap;
  }
  .bar span {
    position: absolute;
    inset: 0 auto 0 0;
    background: var(--bar);
    border-radius: 3px;
    z-index: -1;
  }
`;
