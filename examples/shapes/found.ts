// What a detector finds in scenes: how well, and as a folder that models are evaluated on.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Detections, encodePng, meanAveragePrecision, type Picture, type PictureDetector, readPicture, type RegionDetector } from '../../src/node.js'; // prettier-ignore
import { detectionExample } from './detector.js';
import { drawScene } from './draw.js';
import { boxesIn, regionsIn } from './regions.js';
import { type Scene } from './scene.js';

/** Scenes that go through a detector together. */
const BATCH = 16;

/** A detector that describes what it finds in picture files as the models here read regions. */
export function pixelDetector(detector: RegionDetector): PictureDetector {
  const read = async (picture: Picture): ReturnType<typeof regionsIn> =>
    regionsIn(await readPicture(String(picture)), detector);
  return { detect: async (pictures) => Promise.all(pictures.map(read)) };
}

/** Percent: the mean average precision of a detector on scenes, at an overlap of one half. */
export async function precisionOn(scenes: readonly Scene[], detector: RegionDetector): Promise<number> {
  const found = await detector.detect(scenes.map(drawScene), { batchSize: BATCH });
  const detections = found.map(({ boxes, classes, scores }): Detections => ({
    boxes: Array.from(classes, (_, i) => [...boxes.subarray(4 * i, 4 * i + 4)] as [number, number, number, number]),
    ...{ classes: [...classes], scores: [...scores] },
  }));
  const truth = scenes.map((scene) => {
    const { objects } = detectionExample(scene);
    return { boxes: objects.map(({ box }) => box), classes: objects.map((object) => object.class) };
  });
  return meanAveragePrecision(detections, truth);
}

/** Writes pictures of scenes with the boxes that a detector finds in them, as `features` of a task. */
export async function writeFoundBoxes(
  scenes: readonly Scene[],
  detector: RegionDetector,
  folder: string,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const images = scenes.map(drawScene);
  const boxes = await boxesIn(images, { detect: async (all) => detector.detect(all, { batchSize: BATCH }) });
  for (const [i, image] of images.entries()) await writeFile(join(folder, `${scenes[i]?.id}.png`), encodePng(image));
  const byId = Object.fromEntries(boxes.map((own, i) => [scenes[i]?.id, own]));
  await writeFile(join(folder, 'boxes.json'), JSON.stringify(byId));
}
