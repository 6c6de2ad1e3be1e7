// Draws a scene with its boxes, shaded by their relevance for the answer.
import { drawScene } from '../shapes/draw.js';
import { type Scene } from '../shapes/scene.js';

const SVG = 'http://www.w3.org/2000/svg';

/** @param heats of each box, 0 to 1; empty shows all alike */
export function showScene(scene: Scene, heats: readonly number[]): void {
  const { width, height, rgb } = drawScene(scene);
  const canvas = document.createElement('canvas');
  Object.assign(canvas, { width, height });
  const pixels = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) pixels.data.set([...rgb.subarray(i * 3, i * 3 + 3), 255], i * 4);
  canvas.getContext('2d')?.putImageData(pixels, 0, 0);
  const image = element('image', { href: canvas.toDataURL(), width, height });
  const boxes = scene.boxes.map(([x1 = 0, y1 = 0, x2 = 0, y2 = 0], i) => {
    const box = element('rect', { x: x1, y: y1, width: x2 - x1, height: y2 - y1 });
    box.style.setProperty('--heat', String(heats[i] ?? 0));
    return box;
  });
  document.getElementById('scene')?.replaceChildren(image, ...boxes);
}

function element(name: string, attributes: Record<string, string | number>): SVGElement {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  return made;
}
