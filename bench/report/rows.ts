// Rows of results: printed as a table, written as JSON, and compared with their goals.

/** One measured value or ratio. */
export interface Row {
  measurement: string;
  batch: number | null;
  what: string;
  ours: number;
  theirs: number | null;
  unit: 'ms' | 'MB' | '';
  /** Bound on `ours / theirs`, or on `ours` when there is no other side. */
  target: number | null;
  /** Whether the target is a minimum instead of a maximum. */
  isLeast?: boolean;
}

/** `ours / theirs`; null when only ours was measured. */
export function ratio({ ours, theirs }: Row): number | null {
  return theirs === null ? null : ours / theirs;
}

/** Whether the goal is reached; null without a goal. */
export function isReached(row: Row): boolean | null {
  if (row.target === null) return null;
  const reached = ratio(row) ?? row.ours;
  return row.isLeast === true ? reached >= row.target : reached <= row.target;
}

/** One line per row, in Markdown. */
export function markdownTable(rows: readonly Row[]): string {
  const head = ['| measure | batch | ours | theirs | ratio | goal | |', '|---|---|---|---|---|---|---|'];
  const body = rows.map((row) => {
    const share = ratio(row);
    const verdict = isReached(row);
    const cells = [
      row.what,
      row.batch ?? '',
      shown(row.ours, row.unit),
      row.theirs === null ? '' : shown(row.theirs, row.unit),
      share === null ? '' : share.toFixed(2),
      row.target === null ? '' : `${row.isLeast === true ? '>=' : '<='} ${row.target}`,
      verdict === null ? '' : verdict ? 'reached' : 'missed',
    ];
    return `| ${cells.join(' | ')} |`;
  });
  return [...head, ...body].join('\n');
}

function shown(value: number, unit: Row['unit']): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 1 || value === 0 ? 1 : -1;
  return `${digits < 0 ? value.toPrecision(2) : value.toFixed(digits)}${unit === '' ? '' : ` ${unit}`}`;
}
