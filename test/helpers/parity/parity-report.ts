// Collects the comparisons of the parity tests for the table in docs/parity.md. Written only if VISUALBERT_PARITY_REPORT names a file.
import { appendFileSync } from 'node:fs';
import type { ParityRow } from '../../../bench/report/parity-row.js';

/** Adds a row to the report; does nothing in an ordinary test run. */
export function reportParity(row: ParityRow): void {
  const path = process.env.VISUALBERT_PARITY_REPORT;
  if (path !== undefined && path !== '') appendFileSync(path, `${JSON.stringify(row)}\n`);
}
