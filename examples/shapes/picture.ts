// Shows predictions as one SVG: each scene with its boxes, what was asked, and the likeliest answers.
import { encodePng } from '../../src/node.js';
import { drawScene } from './draw.js';
import { SCENE_SIZE, type Scene } from './scene.js';

/** One scene with a question, or a statement, and the answers of a model. */
export interface Prediction {
  readonly scene: Scene;
  readonly text: string;
  /** The right answer. */
  readonly truth: string;
  /** The likeliest first; scores sum to at most 1. */
  readonly answers: readonly { readonly answer: string; readonly score: number }[];
}

const COLUMNS = 3;
const [WIDTH, HEIGHT, MARGIN] = [288, 420, 16];
const ZOOM = WIDTH / SCENE_SIZE;
const BAR = { x: 120, width: 120, height: 14, step: 22 };

/** A self-contained SVG of all predictions. */
export function predictionPicture(title: string, predictions: readonly Prediction[]): string {
  const rows = Math.ceil(predictions.length / COLUMNS);
  const width = COLUMNS * (WIDTH + MARGIN) + MARGIN;
  const height = rows * (HEIGHT + MARGIN) + MARGIN + 32;
  const panels = predictions.map((prediction, i) => {
    const x = MARGIN + (i % COLUMNS) * (WIDTH + MARGIN);
    const y = MARGIN + 32 + Math.floor(i / COLUMNS) * (HEIGHT + MARGIN);
    return `<g transform="translate(${x} ${y})">${panel(prediction)}</g>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="sans-serif" font-size="14">`,
    `<rect width="${width}" height="${height}" fill="white"/>`,
    `<text x="${MARGIN}" y="30" font-size="18" font-weight="bold">${escaped(title)}</text>`,
    ...panels,
    '</svg>\n',
  ].join('\n');
}

function panel({ scene, text, truth, answers }: Prediction): string {
  const png = Buffer.from(encodePng(drawScene(scene))).toString('base64');
  const boxes = scene.boxes.map(([x1 = 0, y1 = 0, x2 = 0, y2 = 0]) => {
    const [x, y, width, height] = [x1, y1, x2 - x1, y2 - y1].map((value) => (value * ZOOM).toFixed(1));
    return `<rect x="${x}" y="${y}" width="${width}" height="${height}" fill="none" stroke="white" stroke-width="3"/><rect x="${x}" y="${y}" width="${width}" height="${height}" fill="none" stroke="black"/>`;
  });
  const best = answers[0]?.answer ?? '';
  const isRight = best.toLowerCase() === truth;
  const bars = answers.slice(0, 3).map(({ answer, score }, i) => {
    const y = WIDTH + 62 + i * BAR.step;
    return [
      `<text x="${BAR.x - 8}" y="${y}" text-anchor="end">${escaped(answer)}</text>`,
      `<rect x="${BAR.x}" y="${y - 12}" width="${(score * BAR.width).toFixed(1)}" height="${BAR.height}" fill="#4c78a8"/>`,
      `<text x="${BAR.x + BAR.width + 8}" y="${y}">${(100 * score).toFixed(0)}%</text>`,
    ].join('');
  });
  return [
    `<image href="data:image/png;base64,${png}" width="${WIDTH}" height="${WIDTH}"/>`,
    ...boxes,
    `<text x="0" y="${WIDTH + 22}" font-weight="bold">${escaped(text)}</text>`,
    ...bars,
    `<text x="0" y="${WIDTH + 42}" fill="${isRight ? '#2a7d2a' : '#b00020'}">${isRight ? 'right' : `wrong: ${escaped(truth)}`}</text>`,
  ].join('\n');
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
