// Draws a picture with its boxes, shaded by their relevance for the answer.
import type { RgbImage } from '../../src/index.js';

const SVG = 'http://www.w3.org/2000/svg';

/** @param boxes x1, y1, x2, y2 of each @param heats of each box, 0 to 1; empty shows all alike */
export function showPicture(
  { width, height, rgb }: RgbImage,
  boxes: readonly (readonly number[])[],
  heats: readonly number[],
): void {
  const canvas = document.createElement('canvas');
  Object.assign(canvas, { width, height });
  const pixels = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) pixels.data.set([...rgb.subarray(i * 3, i * 3 + 3), 255], i * 4);
  canvas.getContext('2d')?.putImageData(pixels, 0, 0);
  const image = element('image', { href: canvas.toDataURL(), width, height });
  const shaded = boxes.map(([x1 = 0, y1 = 0, x2 = 0, y2 = 0], i) => {
    const box = element('rect', { x: x1, y: y1, width: x2 - x1, height: y2 - y1 });
    box.style.setProperty('--heat', String(heats[i] ?? 0));
    return box;
  });
  const view = document.getElementById('scene');
  view?.setAttribute('viewBox', `0 0 ${width} ${height}`);
  view?.replaceChildren(image, ...shaded);
}

function element(name: string, attributes: Record<string, string | number>): SVGElement {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  return made;
}
