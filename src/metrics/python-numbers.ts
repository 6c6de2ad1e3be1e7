// Numbers as Python rounds and prints them: the output of the official tools, to the last digit.

/** Python's `round(x, digits)`: the nearest, and of two equally near the even one. */
export function pythonRound(value: number, digits = 2): number {
  const doubled = value * 2 ** (digits + 1); // odd only for doubles halfway between two decimals: (2k + 1) / 2^(digits + 1)
  const isTie = Number.isInteger(doubled) && doubled % 2 !== 0;
  if (!isTie) return Number(value.toFixed(digits));
  const scale = 10 ** digits;
  const below = Math.floor(value * scale);
  return (below % 2 === 0 ? below : below + 1) / scale;
}

/** Python's `'%.2f' % x`. */
export function pythonFixed(value: number, digits = 2): string {
  return pythonRound(value, digits).toFixed(digits);
}

/** Python's `str(x)`: a whole number with `.0`, a small one with an exponent of two digits. */
export function pythonFloat(value: number): string {
  if (Number.isInteger(value)) return value.toFixed(1);
  if (Math.abs(value) >= 1e-4) return String(value);
  return value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2');
}
