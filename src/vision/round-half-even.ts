// Rounding as in numpy, Python and OpenCV.

/** The nearest integer; ties go to the even one. */
export function roundHalfEven(value: number): number {
  const below = Math.floor(value);
  return value - below === 0.5 ? below + (below % 2) : Math.round(value);
}
