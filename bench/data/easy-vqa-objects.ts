// The objects in easy-VQA's training pictures, one shape each on a plain background: boxes from the pixels, classes from the answers.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodePng, type DetectionExample, type RgbImage } from '../../src/node.js';
import type { EasyVqaOptions } from './easy-vqa-data.js';

export const EASY_SHAPES = ['circle', 'rectangle', 'triangle'] as const;
export const EASY_COLORS = ['black', 'blue', 'brown', 'gray', 'green', 'red', 'teal', 'yellow'] as const;

/** Minimum difference of a shape's pixels from the corner's, summed over red, green and blue. */
const LEAST_DIFFERENCE = 60;

/** The pictures whose shape and color follow from the training questions, with the box around the shape. */
export function easyVqaObjects({
  questions,
  features,
}: Pick<EasyVqaOptions, 'questions' | 'features'>): DetectionExample[] {
  const records = JSON.parse(readFileSync(questions, 'utf8')) as [question: string, answer: string, picture: number][];
  const known = new Map<number, { shape?: number; color?: number }>();
  for (const [, answer, picture] of records) {
    const [shape, color] = [EASY_SHAPES, EASY_COLORS].map((names: readonly string[]) => names.indexOf(answer)) as [number, number]; // prettier-ignore
    const classes = { ...(shape >= 0 && { shape }), ...(color >= 0 && { color }) };
    known.set(picture, { ...known.get(picture), ...classes });
  }
  return [...known].flatMap(([picture, { shape, color }]): DetectionExample[] => {
    if (shape === undefined || color === undefined) return [];
    const name = `${picture}.png`;
    const image = decodePng(readFileSync(join(features, name)), name);
    return [{ image, objects: [{ box: outline(image), class: shape, attribute: color }] }];
  });
}

/** The box around all pixels that are not background. */
function outline({ width, height, rgb }: RgbImage): [number, number, number, number] {
  const box: [number, number, number, number] = [width, height, 0, 0];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = (y * width + x) * 3;
      const difference = [0, 1, 2].reduce((sum, c) => sum + Math.abs((rgb[at + c] as number) - (rgb[c] as number)), 0);
      if (difference < LEAST_DIFFERENCE) continue;
      [box[0], box[1]] = [Math.min(box[0], x), Math.min(box[1], y)];
      [box[2], box[3]] = [Math.max(box[2], x + 1), Math.max(box[3], y + 1)];
    }
  }
  return box;
}
