// Rounding as numpy, Python and OpenCV do it.

/** The nearest whole number; of two equally near ones the even one. */
export function roundHalfEven(value: number): number {
  const below = Math.floor(value);
  return value - below === 0.5 ? below + (below % 2) : Math.round(value);
}
