// The style that all pages share: light and dark colors, text, tables, charts, and boxes over pictures.
import { css } from './escape.js';

export const BASE_STYLE: string = css`
  :root {
    color-scheme: light dark;
    --ink: #1f2937;
    --faint: #4b5563;
    --line: #d1d5db;
    --soft: #f3f4f6;
    --bar: #bfdbfe;
    --paper: #ffffff;
    --mark: #b45309;
    --box: #f59e0b;
    --right: #065f46;
    --wrong: #991b1b;
  }
  @media (prefers-color-scheme: dark) {
    :root {
      --ink: #e5e7eb;
      --faint: #9ca3af;
      --line: #374151;
      --soft: #1f2937;
      --bar: #1e40af;
      --paper: #111827;
      --mark: #fbbf24;
      --right: #34d399;
      --wrong: #f87171;
    }
  }
  * {
    box-sizing: border-box;
  }
  body {
    font:
      16px/1.5 system-ui,
      sans-serif;
    max-width: 1200px;
    margin: 0 auto;
    padding: 1em;
    color: var(--ink);
    background: var(--paper);
    overflow-wrap: anywhere;
  }
  h1 {
    font-size: 1.5em;
    margin: 0.2em 0;
  }
  h2 {
    font-size: 1.15em;
    margin: 1.6em 0 0.4em;
  }
  p {
    margin: 0.4em 0;
  }
  .faint {
    color: var(--faint);
    font-size: 0.875em;
  }
  figure {
    margin: 0;
    min-width: 0;
  }
  figcaption {
    font-weight: 600;
  }
  svg {
    width: 100%;
    height: auto;
    display: block;
  }
  .scrolling {
    overflow: auto;
    max-height: 32em;
  }
  table {
    border-collapse: collapse;
    overflow-wrap: normal;
    font-variant-numeric: tabular-nums;
  }
  td,
  th {
    padding: 2px 8px;
    text-align: right;
    border-bottom: 1px solid var(--line);
  }
  pre {
    background: var(--soft);
    padding: 1em;
    overflow: auto;
  }

  .chart text {
    font-size: 12px;
    fill: var(--faint);
  }
  .chart .grid {
    stroke: var(--line);
  }
  .chart .mark {
    stroke: var(--mark);
    stroke-dasharray: 4 3;
  }
  .chart text.mark-label {
    font-size: 10px;
    fill: var(--mark);
  }
  .legend span {
    display: inline-block;
    margin-right: 1em;
  }
  .legend i {
    display: inline-block;
    width: 12px;
    height: 3px;
    margin-right: 5px;
    vertical-align: middle;
  }

  .picture {
    background: var(--soft);
  }
  .picture rect {
    fill: none;
  }
  .picture .boxes {
    stroke: var(--box);
  }
  .picture .faint {
    opacity: 0.3;
  }
  .picture .expected {
    stroke: var(--right);
  }
  .picture .predicted {
    stroke: var(--wrong);
    stroke-dasharray: 4 2;
  }
`;
