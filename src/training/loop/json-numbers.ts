// Plain data as JSON text with the numbers that JSON cannot represent: NaN and the infinities, which outputs of a diverged model hold.

/** Under which name such a number is written. */
const NOT_FINITE = 'not finite';

/** Data as text. */
export function toText(value: unknown): string {
  return JSON.stringify(value, (_, entry: unknown) =>
    typeof entry === 'number' && !Number.isFinite(entry) ? { [NOT_FINITE]: String(entry) } : entry,
  );
}

/** What `toText` was given. */
export function fromText(text: string): unknown {
  return JSON.parse(text, (_, entry: unknown) =>
    typeof entry === 'object' && entry !== null && NOT_FINITE in entry ? Number(entry[NOT_FINITE]) : entry,
  );
}
