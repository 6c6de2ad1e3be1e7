// Collects what the parity tests compared, for the table in docs/parity.md. Written only when VISUALBERT_PARITY_REPORT names a file.
import { appendFileSync } from 'node:fs';

/** One comparison: the largest error of everything of one kind in one case. */
export interface ParityRow {
  /** Name of the fixture, or of a case computed otherwise. */
  case: string;
  class: string;
  backend: string;
  compared: 'outputs' | 'loss' | 'gradients' | 'parameters after 3 steps';
  /** Largest error, in the unit of `tolerance`. */
  error: number;
  tolerance: number;
  /** What was read where the error is largest. */
  worst: string;
}

/** Adds a row to the report; does nothing in an ordinary test run. */
export function reportParity(row: ParityRow): void {
  const path = process.env.VISUALBERT_PARITY_REPORT;
  if (path !== undefined && path !== '') appendFileSync(path, `${JSON.stringify(row)}\n`);
}
