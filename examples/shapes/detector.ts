// A small detector of things in scenes: its settings, and its training on drawn scenes. About a minute on 2 cores.
import {
  createTrainingStep,
  type DetectionExample,
  detectionBatch,
  type DetectorConfig,
  TrainableDetector,
} from '../../src/node.js';
import { drawScene } from './draw.js';
import { RandomStream } from './random-stream.js';
import { COLORS, type Scene, SCENE_SIZE, SHAPES, outlineOf } from './scene.js';

/** Its classes are shapes, its attributes colors. */
export const SHAPES_DETECTOR: DetectorConfig = {
  backbone: {
    depth: 14,
    groups: 1,
    widthPerGroup: 12,
    stemWidth: 16,
    stageWidth: 32,
    strideIn1x1: false,
    stemPool: 'padded',
  },
  pyramid: 32,
  input: {
    mean: [128, 128, 128],
    deviation: [64, 64, 64],
    size: SCENE_SIZE,
    maxSize: 2 * SCENE_SIZE,
    resize: 'torch',
    multipleOf: 32,
  },
  boxes: 'continuous',
  clipTo: 'picture',
  anchors: { sizes: [22, 32, 48, 72, 96], ratios: [1] },
  proposals: { hidden: 32, before: 100, after: 24, threshold: 0.7, minSize: 0 },
  pooling: { kind: 'roi-align', bins: 5, sampling: 2, isAligned: true },
  head: { kind: 'layers', width: 96 },
  classes: SHAPES.length,
  classNames: SHAPES,
  // What a thing of an unknown pair is taken for does not move its box.
  isClassAgnostic: true,
  attributes: COLORS.length,
  attributeNames: COLORS,
  feature: 'fc7',
  choice: { rule: 'best-class', thresholds: [0.3], minScore: 0.1, minBoxes: 1, maxBoxes: 8 },
};

/** Chosen so that a detector is learnt in a minute on 2 cores. */
export const DETECTOR_TRAINING = { batchSize: 16, learningRate: 2e-3, steps: 700 } as const;

/** What there is to find in a scene. */
export function detectionExample(scene: Scene): DetectionExample {
  const objects = scene.things.map((thing) => {
    const attribute = (COLORS as readonly string[]).indexOf(thing.color);
    const known = attribute < 0 ? {} : { attribute };
    return { box: outlineOf(thing), class: SHAPES.indexOf(thing.shape), ...known };
  });
  return { image: drawScene(scene), objects };
}

export interface DetectorTrainingOptions {
  seed: number;
  steps?: number;
  onStep?: (step: number, loss: number) => void;
}

/** Trains a detector on pictures and writes its folder. @param example the picture with a number, and what there is to find in it */
export async function trainDetector(
  config: DetectorConfig,
  { count, example }: { count: number; example: (index: number) => DetectionExample },
  outputDir: string,
  { seed, steps = DETECTOR_TRAINING.steps, onStep }: DetectorTrainingOptions,
): Promise<void> {
  const { batchSize, learningRate } = DETECTOR_TRAINING;
  const detector = new TrainableDetector(config, { seed });
  const step = await createTrainingStep(detector, {
    ...{ learningRate, totalSteps: steps, warmupSteps: Math.ceil(steps / 20), seed },
    ...{ weightDecay: 1e-4, maxGradNorm: 5 },
  });
  try {
    const random = new RandomStream(seed, 'detector');
    const all = Array.from({ length: count }, (_, i) => i);
    let order: number[] = [];
    for (let i = 1; i <= steps; i++) {
      if (order.length < batchSize) order = random.shuffled(all);
      const batch = detectionBatch(order.splice(0, batchSize).map(example), config);
      onStep?.(i, (await step.run(batch)).loss);
    }
    await detector.savePretrained(outputDir);
  } finally {
    await step.dispose();
    detector.dispose();
  }
}
