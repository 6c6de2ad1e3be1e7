// Shows predictions as one PNG: each scene with its boxes, what was asked, and the likeliest answers.
import { encodePng } from '../../src/node.js';
import { Canvas, lineHeight, type Rgb, textWidth, wrapped } from './canvas.js';
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
const ZOOM = 3;
const [PANEL_WIDTH, PANEL_HEIGHT, MARGIN] = [SCENE_SIZE * ZOOM, SCENE_SIZE * ZOOM + 136, 20];
const SIZE = 2;
const ANSWERS = 3;
const INK: Rgb = [20, 20, 20];
const PAPER: Rgb = [255, 255, 255];
const BAR: Rgb = [170, 195, 225];
const RIGHT: Rgb = [20, 110, 40];
const WRONG: Rgb = [180, 0, 30];

/** The bytes of a PNG with all predictions. */
export function predictionPicture(predictions: readonly Prediction[]): Uint8Array {
  const rows = Math.ceil(predictions.length / COLUMNS);
  const canvas = new Canvas(COLUMNS * (PANEL_WIDTH + MARGIN) + MARGIN, rows * (PANEL_HEIGHT + MARGIN) + MARGIN);
  predictions.forEach((prediction, i) => {
    const x = MARGIN + (i % COLUMNS) * (PANEL_WIDTH + MARGIN);
    const y = MARGIN + Math.floor(i / COLUMNS) * (PANEL_HEIGHT + MARGIN);
    drawPanel(canvas, prediction, x, y);
  });
  return encodePng(canvas);
}

function drawPanel(canvas: Canvas, { scene, text, truth, answers }: Prediction, x: number, y: number): void {
  canvas.picture(drawScene(scene), x, y, ZOOM);
  for (const [x1 = 0, y1 = 0, x2 = 0, y2 = 0] of scene.boxes) {
    const [left, top, width, height] = [x + x1 * ZOOM, y + y1 * ZOOM, (x2 - x1) * ZOOM, (y2 - y1) * ZOOM];
    canvas.frame([left, top, width, height], 2, PAPER);
    canvas.frame([left + 2, top + 2, width - 4, height - 4], 1, INK);
  }
  let line = y + SCENE_SIZE * ZOOM + 10;
  for (const part of wrapped(text, SIZE, PANEL_WIDTH)) {
    canvas.text(part, x, line, SIZE, INK);
    line += lineHeight(SIZE);
  }
  answers.slice(0, ANSWERS).forEach(({ answer, score }, i) => {
    canvas.fill([x, line, score * PANEL_WIDTH, lineHeight(SIZE) - 2], BAR);
    const color = i > 0 ? INK : answer.toLowerCase() === truth ? RIGHT : WRONG;
    const percent = `${(100 * score).toFixed(0)}%`;
    canvas.text(answer, x + 4, line + 2, SIZE, color);
    canvas.text(percent, x + PANEL_WIDTH - textWidth(percent, SIZE), line + 2, SIZE, color);
    line += lineHeight(SIZE) + 2;
  });
  const isRight = answers[0]?.answer.toLowerCase() === truth;
  if (!isRight) canvas.text(`right: ${truth}`, x + 4, line + 2, SIZE, INK);
}
