// The regions that a detector finds in scenes: its precision, and a folder of them for evaluating models.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Detections,
  type DetectedRegions,
  encodePng,
  meanAveragePrecision,
  type RegionDetector,
} from '../../src/node.js';
import { detectionExample } from './detector.js';
import { drawScene } from './draw.js';
import { type Scene } from './scene.js';

/** Scenes that go through a detector together. */
const BATCH = 16;

/** Percent: the mean average precision of a detector on scenes, at an overlap of one half. */
export async function precisionOn(scenes: readonly Scene[], detector: RegionDetector): Promise<number> {
  const found = await detector.detect(scenes.map(drawScene), { batchSize: BATCH });
  const detections = found.map((regions): Detections => ({
    boxes: boxesOf(regions),
    ...{ classes: [...regions.classes], scores: [...regions.scores] },
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
  const found = await detector.detect(images, { batchSize: BATCH });
  for (const [i, image] of images.entries()) await writeFile(join(folder, `${scenes[i]?.id}.png`), encodePng(image));
  const byId = Object.fromEntries(found.map((regions, i) => [scenes[i]?.id, boxesOf(regions)]));
  await writeFile(join(folder, 'boxes.json'), JSON.stringify(byId));
}

function boxesOf({ boxes, count }: Pick<DetectedRegions, 'boxes' | 'count'>): [number, number, number, number][] {
  return Array.from(
    { length: count },
    (_, i) => [...boxes.subarray(4 * i, 4 * i + 4)] as [number, number, number, number],
  );
}
