// The explanation page's additions to the style of all pages: light and dark, wide and narrow.
import { css } from '../../html/escape.js';

export const EXPLANATION_STYLE: string = css`
  :root {
    --hot: 234 88 12;
    --cold: 37 99 235;
    --focus: #1d4ed8;
  }
  @media (prefers-color-scheme: dark) {
    :root {
      --hot: 251 146 60;
      --cold: 96 165 250;
      --focus: #93c5fd;
    }
  }
  h2 {
    font-size: 1em;
    margin: 1.2em 0 0.3em;
  }
  main {
    display: grid;
    grid-template-columns: minmax(0, 3fr) minmax(0, 2fr);
    gap: 2em;
    align-items: start;
  }
  @media (max-width: 760px) {
    main {
      grid-template-columns: minmax(0, 1fr);
      gap: 0.5em;
    }
  }
  #images {
    display: flex;
    flex-wrap: wrap;
    gap: 1em;
  }
  figure {
    flex: 1 1 260px;
  }
  figcaption {
    font-weight: 400;
    color: var(--faint);
    font-size: 0.875em;
  }
  svg {
    max-height: 75vh;
    background: var(--soft);
  }
  .box {
    --shade: var(--hot);
    fill: rgb(var(--shade) / calc(var(--heat, 0) * 0.22));
    stroke: rgb(var(--shade) / calc(0.25 + var(--heat, 0) * 0.75));
    stroke-width: calc(1px + var(--heat, 0) * 4px);
  }
  .box.negative {
    --shade: var(--cold);
  }
  .box:hover,
  .box.on {
    stroke: var(--focus);
    stroke-width: 5px;
  }

  button,
  select,
  input,
  textarea {
    font: inherit;
    color: inherit;
    background: var(--paper);
    border: 1px solid var(--line);
    border-radius: 6px;
    padding: 0.25em 0.6em;
  }
  button,
  select {
    min-height: 2.2em;
  }
  button:not(:disabled) {
    cursor: pointer;
  }
  button:disabled {
    opacity: 1;
    cursor: default;
  }
  :focus-visible {
    outline: 3px solid var(--focus);
    outline-offset: 1px;
  }
  ol {
    list-style: none;
    margin: 0;
    padding: 0;
  }
  #answers li {
    margin-bottom: 4px;
  }
  #answers button {
    position: relative;
    width: 100%;
    display: flex;
    justify-content: space-between;
    gap: 1em;
    text-align: left;
    overflow: hidden;
    isolation: isolate;
  }
  #answers b {
    font-weight: 400;
  }
  #answers [aria-pressed='true'] {
    border-color: var(--focus);
    box-shadow: inset 0 0 0 1px var(--focus);
  }
  #answers [aria-pressed='true'] b {
    font-weight: 700;
  }
  .bar {
    position: absolute;
    inset: 0 auto 0 0;
    background: var(--bar);
    z-index: -1;
  }
  i {
    font-style: normal;
    white-space: nowrap;
    color: var(--faint);
  }
  #answers i {
    color: inherit;
  }

  #controls,
  #layers,
  #words,
  #regions {
    display: flex;
    flex-wrap: wrap;
    gap: 0.5em;
    align-items: center;
  }
  #layers[hidden] {
    display: none;
  }
  label {
    display: inline-flex;
    gap: 0.4em;
    align-items: center;
  }
  #words {
    gap: 4px;
  }
  #words button {
    padding: 0.1em 0.45em;
    background: rgb(var(--hot) / calc(var(--heat, 0) * 0.6));
  }
  #words .negative {
    background: rgb(var(--cold) / calc(var(--heat, 0) * 0.6));
  }
  #words [aria-pressed='true'] {
    border-color: var(--focus);
    box-shadow: inset 0 0 0 2px var(--focus);
  }
  #regions button {
    display: flex;
    gap: 0.6em;
    font-size: 0.875em;
  }
  @media print {
    #controls,
    button:disabled {
      break-inside: avoid;
    }
  }
`;
