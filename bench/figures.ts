// Results of measurements: rows that are printed as a table, written as JSON, and compared with their goals.

/** One ratio or figure. */
export interface Row {
  measurement: string;
  batch: number | null;
  what: string;
  ours: number;
  theirs: number | null;
  unit: 'ms' | 'MB' | '';
  /** Bound on `ours / theirs`, or on `ours` when there is no other side. */
  target: number | null;
  /** The target is the least that must be reached, not the most. */
  isLeast?: boolean;
}

/** The middle value. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Of a mean, from the spread of its values. */
export function standardError(values: readonly number[]): number {
  const middle = mean(values);
  const variance = values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1);
  return Math.sqrt(variance / values.length);
}

/** `ours / theirs`; null for a figure of ours alone. */
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
      figure(row.ours, row.unit),
      row.theirs === null ? '' : figure(row.theirs, row.unit),
      share === null ? '' : share.toFixed(2),
      row.target === null ? '' : `${row.isLeast === true ? '>=' : '<='} ${row.target}`,
      verdict === null ? '' : verdict ? 'reached' : 'missed',
    ];
    return `| ${cells.join(' | ')} |`;
  });
  return [...head, ...body].join('\n');
}

function figure(value: number, unit: Row['unit']): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 1 || value === 0 ? 1 : -1;
  return `${digits < 0 ? value.toPrecision(2) : value.toFixed(digits)}${unit === '' ? '' : ` ${unit}`}`;
}
