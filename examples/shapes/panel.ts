// A prediction as a drawing: the scene with its boxes, the question, and the most likely answers as bars.
import { encodePng, html, type Markup, pictureUrl } from '../../src/node.js';
import { drawScene } from './draw.js';
import { SCENE_SIZE, type Scene } from './scene.js';

/** One scene with a question, or a statement, and the answers of a model. */
export interface Prediction {
  readonly scene: Scene;
  readonly text: string;
  /** The right answer. */
  readonly truth: string;
  /** The most likely first; scores sum to at most 1. */
  readonly answers: readonly { readonly answer: string; readonly score: number }[];
}

/** Of a panel in its own units. */
export const [PANEL_WIDTH, PANEL_HEIGHT] = [320, 474];
const ZOOM = PANEL_WIDTH / SCENE_SIZE;
/** The widest sans-serif fonts get so many letters of the text's size into a line. */
const LINE_LETTERS = 41;
const LINE_HEIGHT = 20;
const [TEXT_SIZE, ANSWER_SIZE] = [15, 14];
const ANSWERS = 3;
const BAR_HEIGHT = 26;
const PAPER = '#ffffff';
/** Of its texts and bars, on white. */
export const PANEL_COLORS = { ink: '#1f2937', bar: '#bfdbfe', right: '#065f46', wrong: '#991b1b' } as const;
const { ink: INK, bar: BAR, right: RIGHT, wrong: WRONG } = PANEL_COLORS;

/** Whether the most likely answer is the right one. */
export function isRight({ answers, truth }: Prediction): boolean {
  return answers[0]?.answer.toLowerCase() === truth;
}

/** The elements of an SVG, `PANEL_WIDTH` x `PANEL_HEIGHT`, from (0, 0). */
export function predictionPanel(prediction: Prediction): Markup {
  const { scene, text, truth, answers } = prediction;
  const picture = pictureUrl(encodePng(drawScene(scene)), scene.id);
  const boxes = scene.boxes.map(([x1 = 0, y1 = 0, x2 = 0, y2 = 0]) => {
    const [x, y, width, height] = [x1, y1, x2 - x1, y2 - y1].map((value) => (value * ZOOM).toFixed(1));
    const at = html`x="${x ?? ''}" y="${y ?? ''}" width="${width ?? ''}" height="${height ?? ''}"`;
    return html`<rect ${at} fill="none" stroke="${PAPER}" stroke-width="4" /><rect
        ${at}
        fill="none"
        stroke="${INK}"
        stroke-width="1.5"
      />`;
  });
  const lines = wrapped(text).map((line, i) => textLine(line, 0, PANEL_WIDTH + (i + 1) * LINE_HEIGHT, TEXT_SIZE));
  const top = PANEL_WIDTH + 2 * LINE_HEIGHT + 12;
  const bars = answers.slice(0, ANSWERS).map(({ answer, score }, i) => {
    const [y, base] = [top + i * BAR_HEIGHT, top + i * BAR_HEIGHT + 17];
    const color = i > 0 ? INK : isRight(prediction) ? RIGHT : WRONG;
    return html`<rect y="${y}" width="${(score * PANEL_WIDTH).toFixed(1)}" height="${BAR_HEIGHT - 3}" fill="${BAR}" />
      ${textLine(answer, 6, base, ANSWER_SIZE, { color, isBold: i === 0 })}
      ${textLine(`${(100 * score).toFixed(0)}%`, PANEL_WIDTH - 6, base, ANSWER_SIZE, { color, anchor: 'end' })}`;
  });
  const note = isRight(prediction)
    ? null
    : textLine(`right: ${truth}`, 6, top + ANSWERS * BAR_HEIGHT + 16, ANSWER_SIZE);
  const image = html`<image
    href="${picture}"
    width="${PANEL_WIDTH}"
    height="${PANEL_WIDTH}"
    image-rendering="pixelated"
  />`;
  return html`<g font-family="system-ui, sans-serif">${image}${boxes}${lines}${bars}${note}</g>`;
}

function textLine(
  text: string,
  x: number,
  y: number,
  size: number,
  { color = INK as string, isBold = false, anchor = 'start' } = {},
): Markup {
  return html`<text
    x="${x}"
    y="${y}"
    font-size="${size}"
    font-weight="${isBold ? 'bold' : 'normal'}"
    text-anchor="${anchor}"
    fill="${color}"
    >${text}</text
  >`;
}

/** Breaks a text between words. */
function wrapped(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const longer = lines.length === 0 ? word : `${lines.at(-1)} ${word}`;
    if (lines.length > 0 && longer.length <= LINE_LETTERS) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}
