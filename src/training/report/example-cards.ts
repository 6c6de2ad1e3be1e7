// Evaluated examples with their pictures, boxes and most likely answers.
import { counted } from '../../words.js';
import { boxedPicture } from '../../html/boxes.js';
import { type Fragment, html, type Markup } from '../../html/escape.js';
import { legend } from '../../html/line-chart.js';
import { type ExampleNote, type NotedImage } from '../../evaluation/task.js';

/** Reads a picture as a data URL; null without one. */
export type PictureReader = (imageId: string) => Promise<string | null>;

/** Above this number, boxes are drawn faintly: a grid of patches would hide its picture. */
const MANY_BOXES = 20;

/** A card for each example under a heading; null without examples. */
export async function exampleCards(
  title: string,
  notes: readonly ExampleNote[],
  readPicture: PictureReader,
): Promise<Fragment> {
  if (notes.length === 0) return null;
  const cards = await Promise.all(notes.map((note) => card(note, readPicture)));
  const hasExpectedBoxes = notes.some(({ images = [] }) =>
    images.some(({ expectedBoxes = [] }) => expectedBoxes.length > 0),
  );
  const key = hasExpectedBoxes ? legend(['expected', 'predicted'], ['var(--right)', 'var(--wrong)']) : null;
  return html`<h2>${title}</h2>
    ${key}
    <section class="examples">${cards}</section>`;
}

async function card(
  { id, text, expected, predicted, scores, images = [], correct }: ExampleNote,
  readPicture: PictureReader,
): Promise<Markup> {
  const pictures = await Promise.all(images.map(async (image) => picture(image, await readPicture(image.id))));
  const bars = scores.map(([answer, probability]) => {
    const percent = `${Math.round(100 * probability)}%`;
    return html`<div class="bar"><span style="width: ${percent}"></span><b>${answer}</b><i>${percent}</i></div>`;
  });
  const verdict = correct >= 0.5 ? 'right' : `expected ${expected}`;
  return html`<article>
    <div class="pictures">${pictures}</div>
    <p><b>${text}</b><br />${predicted} (${verdict})</p>
    ${bars}<small>${id}</small>
  </article>`;
}

function picture(image: NotedImage, pixels: string | null): Markup {
  const { id, width, height, boxes = [], expectedBoxes = [], predictedBoxes = [] } = image;
  return boxedPicture({
    picture: pixels,
    width,
    height,
    label: `image ${id}, ${counted(boxes.length, 'region')}`,
    groups: [
      { kind: boxes.length > MANY_BOXES ? 'boxes faint' : 'boxes', boxes },
      { kind: 'expected', boxes: expectedBoxes, thickness: 3 },
      { kind: 'predicted', boxes: predictedBoxes, thickness: 2 },
    ],
  });
}
