// The served page's additions to the style of explanation pages.
import { css } from '../../html/escape.js';

export const SERVED_STYLE: string = css`
  [hidden] {
    display: none !important;
  }
  input,
  textarea {
    min-width: 0;
  }
  #fields label,
  #store label,
  #upload label {
    display: grid;
    gap: 0.2em;
    margin-bottom: 0.6em;
  }
  #images {
    margin-bottom: 0.8em;
  }
  #ids {
    width: 100%;
    padding: 0;
  }
  #ids option {
    padding: 0.15em 0.6em;
  }
  fieldset {
    border: 1px solid var(--line);
    border-radius: 6px;
    margin: 0 0 0.8em;
    display: flex;
    gap: 1em;
  }
  #send {
    font-weight: 600;
  }
  #send[aria-busy='true'] {
    cursor: progress;
  }
  #answers h3 {
    font-size: 0.95em;
    margin: 0.6em 0 0.3em;
  }
  #problem {
    border-left: 4px solid var(--wrong);
    background: var(--soft);
    padding: 0.5em 0.8em;
  }
`;
