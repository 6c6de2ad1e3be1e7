// Mean average precision of a detector, as COCO's tool computes it at one IoU threshold.
import { type Box, intersectionOverUnion } from '../boxes.js';
import { DataError } from '../errors.js';
import { requireKinds } from '../options.js';

/** A detector's results for one picture. */
export interface Detections {
  boxes: readonly Box[];
  classes: readonly number[];
  scores: readonly number[];
}

/** The objects in the picture. */
export type GroundTruth = Pick<Detections, 'boxes' | 'classes'>;

/** Number of recalls at which the precision is read: 0, 0.01, ... 1. */
const RECALLS = 101;
/** Per picture and class. */
const MOST_DETECTIONS = 100;

/**
 * The mean over all occurring classes of their average precision, in percent. A detection is correct when its IoU with an object of its class
 * that no better detection has matched is at least `overlap`.
 * @throws DataError when the numbers of pictures and detections differ.
 * @see cocodataset/cocoapi `PythonAPI/pycocotools/cocoeval.py`: areas of all sizes, no crowds
 * @example
 * const box = [10, 10, 20, 20];
 * const found = { boxes: [box, [50, 50, 60, 60]], classes: [1, 1], scores: [0.9, 0.5] };
 * meanAveragePrecision([found], [{ boxes: [box], classes: [1] }]); // 100: the wrong detection comes after the right one
 */
export function meanAveragePrecision(
  detections: readonly Detections[],
  objects: readonly GroundTruth[],
  overlap = 0.5,
): number {
  requireKinds('meanAveragePrecision', { 'a list': { detections, objects } });
  if (detections.length !== objects.length)
    throw new DataError(
      `meanAveragePrecision: expected detections of ${objects.length} pictures, received ${detections.length}`,
    );
  const classes = [...new Set(objects.flatMap((picture) => picture.classes))];
  const each = classes.map((one) => averagePrecision(one, detections, objects, overlap));
  return each.length === 0 ? NaN : (100 * each.reduce((sum, value) => sum + value, 0)) / each.length;
}

function averagePrecision(
  one: number,
  detections: readonly Detections[],
  objects: readonly GroundTruth[],
  overlap: number,
): number {
  let count = 0;
  const judged = detections.flatMap((found, i) => {
    const { boxes, classes } = objects[i] as GroundTruth;
    const wanted = boxes.filter((_, k) => classes[k] === one);
    count += wanted.length;
    return judge(ofClass(found, one), wanted, overlap);
  });
  judged.sort((a, b) => b.score - a.score); // stable
  let right = 0;
  const curve = judged.map(({ isRight }, i) => {
    right += Number(isRight);
    return { recall: right / count, precision: right / (i + 1) };
  });
  for (let i = curve.length - 2; i >= 0; i--) {
    const [point, next] = [curve[i], curve[i + 1]] as [(typeof curve)[number], (typeof curve)[number]];
    point.precision = Math.max(point.precision, next.precision);
  }
  const at = Array.from({ length: RECALLS }, (_, i) => i * 0.01); // numpy's linspace rounds so
  const sum = at.reduce((total, recall) => total + (curve.find((point) => point.recall >= recall)?.precision ?? 0), 0);
  return sum / RECALLS;
}

/** Boxes of one class by descending scores. */
function ofClass({ boxes, classes, scores }: Detections, one: number): { box: Box; score: number }[] {
  const own = boxes.flatMap((box, i) => (classes[i] === one ? [{ box, score: scores[i] as number }] : []));
  return own.sort((a, b) => b.score - a.score).slice(0, MOST_DETECTIONS);
}

/** Matches each detection with the unmatched object that it overlaps most. */
function judge(
  found: readonly { box: Box; score: number }[],
  wanted: readonly Box[],
  overlap: number,
): { score: number; isRight: boolean }[] {
  const isTaken = wanted.map(() => false);
  return found.map(({ box, score }) => {
    let [best, most] = [-1, overlap];
    wanted.forEach((object, k) => {
      const common = intersectionOverUnion(box, object);
      if (isTaken[k] === true || common < most) return;
      [best, most] = [k, common];
    });
    if (best >= 0) isTaken[best] = true;
    return { score, isRight: best >= 0 };
  });
}
