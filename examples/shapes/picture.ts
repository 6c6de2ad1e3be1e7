// Predictions as one PNG: panels side by side, drawn as SVG and rendered by sharp.
import sharp from 'sharp';
import { html } from '../../src/node.js';
import { PANEL_HEIGHT, PANEL_WIDTH, type Prediction, predictionPanel } from './panel.js';

const COLUMNS = 3;
const MARGIN = 24;

/** All predictions in one SVG. */
export function predictionDrawing(predictions: readonly Prediction[]): string {
  const rows = Math.ceil(predictions.length / COLUMNS);
  const [width, height] = [COLUMNS * (PANEL_WIDTH + MARGIN) + MARGIN, rows * (PANEL_HEIGHT + MARGIN) + MARGIN];
  const panels = predictions.map((prediction, i) => {
    const x = MARGIN + (i % COLUMNS) * (PANEL_WIDTH + MARGIN);
    const y = MARGIN + Math.floor(i / COLUMNS) * (PANEL_HEIGHT + MARGIN);
    return html`<g transform="translate(${x} ${y})">${predictionPanel(prediction)}</g>`;
  });
  const paper = html`<rect width="${width}" height="${height}" fill="#ffffff" />`;
  const svg = html`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${paper}${panels}</svg>`;
  return svg.toString();
}

/** The bytes of a PNG with all predictions. */
export async function predictionPicture(predictions: readonly Prediction[]): Promise<Uint8Array> {
  return sharp(Buffer.from(predictionDrawing(predictions)))
    .png({ palette: true })
    .toBuffer();
}

/** Whether text is drawn: without any font on the machine, it is left out in silence. */
export async function hasFont(): Promise<boolean> {
  const letter = html`<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40">
    <text y="30" font-size="30" font-family="sans-serif" fill="#000000">M</text>
  </svg>`;
  const { channels } = await sharp(Buffer.from(letter.toString())).stats();
  return channels.some(({ max }) => max > 0);
}
