// The results of the parity tests: one line of JSON per comparison.

/** One comparison: the largest error of everything of one kind in one case. */
export interface ParityRow {
  /** Name of the fixture, or of a case computed otherwise. */
  case: string;
  /** The purpose of the case. */
  notes: string;
  class: string;
  backend: string;
  compared: 'outputs' | 'loss' | 'gradients' | 'parameters after 3 steps';
  /** Largest error, in the unit of `tolerance`. */
  error: number;
  tolerance: number;
  /** The name of the value with the largest error. */
  worst: string;
}
