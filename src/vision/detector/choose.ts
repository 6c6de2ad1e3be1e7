// Chooses which of a picture's regions are returned, in plain arrays (a few milliseconds).
import { type BoxConvention, extentOf } from '../boxes/convention.js';
import { byScore, suppress, suppressor } from '../boxes/suppress.js';
import type { ChoiceConfig, DetectorConfig } from './config.js';

/** Outputs for the `n` proposals of one picture. */
export interface RatedProposals {
  /** `[n, 4]` in pixels of the resized picture. */
  proposals: Float32Array;
  /** `[n, classes + 1]`: probabilities, background last. */
  probabilities: Float32Array;
  /** `[n, k, 4]`: moved by the deltas of the best class (k = 1) or of each class; absent when proposals are returned. */
  moved?: Float32Array;
  /** Size of the original picture divided by that of the resized one. */
  scale: { x: number; y: number };
  /** Size of the original picture. */
  width: number;
  height: number;
}

/** Regions of one picture, by descending scores. */
export interface ChosenRegions {
  /** Rows of the proposals. */
  rows: number[];
  /** `[m, 4]`: x1, y1, x2, y2 in pixels of the original picture. */
  boxes: Float32Array;
  /** `[m]` */
  classes: Int32Array;
  /** `[m]` */
  scores: Float32Array;
}

type BestClass = Extract<ChoiceConfig, { rule: 'best-class' }>;
type EveryClass = Extract<ChoiceConfig, { rule: 'every-class' }>;

/** Applies the configured rule. Returns all regions when there are fewer than `minBoxes`. */
export function chooseRegions(candidates: RatedProposals, { choice, classes, boxes }: DetectorConfig): ChosenRegions {
  const chosen =
    choice.rule === 'best-class'
      ? byBestClass(candidates, classes, boxes, choice)
      : byEveryClass(candidates, classes, boxes, choice);
  return { ...chosen, boxes: insidePicture(chosen.boxes, candidates, boxes) };
}

/** Differs: boxes that end in the padding, as in some originals, are clipped to the picture. */
function insidePicture(
  boxes: Float32Array,
  { width, height }: RatedProposals,
  convention: BoxConvention,
): Float32Array {
  const extent = extentOf(convention);
  return boxes.map((side, i) => Math.min(side, (i % 2 === 0 ? width : height) - extent));
}

/** @see huggingface/transformers `research_projects/visual_bert/modeling_frcnn.py`, do_nms */
function byBestClass(
  candidates: RatedProposals,
  classes: number,
  convention: BoxConvention,
  choice: BestClass,
): ChosenRegions {
  const { probabilities, moved = candidates.proposals, scale } = candidates;
  const best = bestClasses(probabilities, classes);
  let rows: number[] = [];
  for (const threshold of choice.thresholds) {
    // Differs: when the last threshold still leaves fewer than minBoxes, the original fails or returns another picture's regions.
    rows = suppress(moved, best.scores, { threshold, convention }).slice(0, choice.maxBoxes);
    if (rows.length >= choice.minBoxes) break;
  }
  const above = rows.filter((row) => (best.scores[row] as number) >= choice.minScore).length;
  rows = rows.slice(0, Math.max(above, choice.minBoxes));
  return { rows, boxes: scaledBoxes(moved, rows, scale), ...rowsOf(best, rows) };
}

/** @see facebookresearch/mmf `extract_features_vmb.py`; peteanderson80/bottom-up-attention `generate_tsv.py` */
function byEveryClass(
  candidates: RatedProposals,
  classes: number,
  convention: BoxConvention,
  choice: EveryClass,
): ChosenRegions {
  const { proposals, probabilities, scale } = candidates;
  const n = proposals.length / 4;
  const original = scaledBoxes(proposals, null, scale);
  const scores = keptScores(candidates, original, classes, convention, choice);
  const order = byScore(scores);
  const above = scores.reduce((count, score) => count + (score >= choice.minScore ? 1 : 0), 0);
  const rows = [...order.subarray(0, Math.min(n, choice.maxBoxes, Math.max(above, choice.minBoxes)))];
  const best = { ...bestClasses(probabilities, classes), scores };
  return { rows, boxes: scaledBoxes(proposals, rows, scale), ...rowsOf(best, rows) };
}

/** For each proposal the best score of the classes in which it is not suppressed; 0 when there are none. */
function keptScores(
  { probabilities, moved, scale }: RatedProposals,
  proposals: Float32Array,
  classes: number,
  convention: BoxConvention,
  { boxes, threshold, scoresOf }: EveryClass,
): Float32Array {
  const n = proposals.length / 4;
  const kept = new Float32Array(n);
  const own = boxes === 'proposals' ? suppressor(proposals, { threshold, convention }) : null;
  const column = new Float32Array(n);
  for (let c = 0; c < classes; c++) {
    const shown = scoresOf === 'class' ? c : c + 1;
    for (let i = 0; i < n; i++) column[i] = probabilities[i * (classes + 1) + shown] as number;
    const keep = (row: number): void => {
      kept[row] = Math.max(kept[row] as number, column[row] as number);
    };
    if (own !== null) own(column, keep);
    else
      suppress(boxesOfClass(moved as Float32Array, c, classes, scale), column, { threshold, convention }).forEach(keep);
  }
  return kept;
}

/** Boxes of one class from `[n, classes, 4]`. */
function boxesOfClass(moved: Float32Array, c: number, classes: number, scale: RatedProposals['scale']): Float32Array {
  const rows = Array.from({ length: moved.length / 4 / classes }, (_, i) => i * classes + c);
  return scaledBoxes(moved, rows, scale);
}

/** The most likely class of each row (without background), and its probability. */
function bestClasses(probabilities: Float32Array, classes: number): { classes: Int32Array; scores: Float32Array } {
  const n = probabilities.length / (classes + 1);
  const best = { classes: new Int32Array(n), scores: new Float32Array(n) };
  for (let i = 0; i < n; i++) {
    const row = probabilities.subarray(i * (classes + 1), i * (classes + 1) + classes);
    let c = 0;
    for (let k = 1; k < classes; k++) if ((row[k] as number) > (row[c] as number)) c = k;
    best.classes[i] = c;
    best.scores[i] = row[c] as number;
  }
  return best;
}

function rowsOf(
  { classes, scores }: { classes: Int32Array; scores: Float32Array },
  rows: readonly number[],
): { classes: Int32Array; scores: Float32Array } {
  return {
    classes: Int32Array.from(rows, (row) => classes[row] as number),
    scores: Float32Array.from(rows, (row) => scores[row] as number),
  };
}

/** Boxes (of some rows) in pixels of the original picture. */
function scaledBoxes(
  boxes: Float32Array,
  rows: readonly number[] | null,
  { x, y }: RatedProposals['scale'],
): Float32Array {
  const count = rows?.length ?? boxes.length / 4;
  return Float32Array.from(
    { length: count * 4 },
    (_, i) => (boxes[(rows?.[i >> 2] ?? i >> 2) * 4 + (i & 3)] as number) * Math.fround(i % 2 === 0 ? x : y),
  );
}
