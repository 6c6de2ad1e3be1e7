// Teaches the model a new color word with twenty questions about new scenes; the encoder is frozen.
import { createTrainingStep, pixelFeatures } from '../../src/index.js';
import { drawScene } from '../shapes/draw.js';
import { aloneIn, CORNERS } from '../shapes/questions.js';
import { SHAPES_RECIPE } from '../shapes/recipe.js';
import { type RandomStream } from '../shapes/random-stream.js';
import { createScene, type NewColor, type Scene } from '../shapes/scene.js';
import { type Model, withAnswer } from './model.js';

/** A question about a scene, with its answer. */
export interface Example {
  scene: Scene;
  question: string;
  answer: string;
}

const EXAMPLES = 20;
const STEPS = 60;

/** Region features of a scene, as the model was trained with. */
export function regionsOf(scene: Scene): ReturnType<typeof pixelFeatures> {
  return pixelFeatures(drawScene(scene), scene.boxes, SHAPES_RECIPE.features);
}

/** Questions for the color of a thing that is alone in its corner: every second one is about the new color. */
export function colorExamples(color: NewColor, count: number, random: RandomStream): Example[] {
  const examples: Example[] = [];
  while (examples.length < count) {
    const drawn = createScene(`scene-${examples.length}`, random, {});
    const corner = random.shuffled(CORNERS).find((one) => aloneIn(one, drawn) !== null);
    const thing = corner === undefined ? null : aloneIn(corner, drawn);
    if (thing === null) continue;
    const answer = examples.length % 2 === 0 ? color : thing.color;
    const things = drawn.things.map((one) => (one === thing ? { ...one, color: answer } : one));
    examples.push({
      scene: { ...drawn, things },
      question: `What color is the thing in the ${corner}?`,
      answer,
    });
  }
  return examples;
}

/**
 * Adds the color to the answers and fine-tunes the head on twenty examples. The model before is disposed.
 * @param onStep called after each update with its number, from 1, and its loss
 */
export async function learnColor(
  before: Model,
  color: NewColor,
  random: RandomStream,
  onStep: (step: number, loss: number) => Promise<void>,
): Promise<Model> {
  const grown = await withAnswer(before, color);
  try {
    await fineTune(grown, color, random, onStep);
  } catch (error) {
    grown.model.dispose();
    throw error;
  }
  return grown;
}

async function fineTune(
  grown: Model,
  color: NewColor,
  random: RandomStream,
  onStep: (step: number, loss: number) => Promise<void>,
): Promise<void> {
  const examples = colorExamples(color, EXAMPLES, random);
  const inputs = await grown.processor({
    text: examples.map(({ question }) => question),
    visualEmbeds: examples.map(({ scene }) => {
      const { features: data, count, dim } = regionsOf(scene);
      return { dtype: 'float32' as const, shape: [count, dim], data };
    }),
  });
  const classes = grown.processor.answers?.size ?? 0;
  const labels = new Float32Array(EXAMPLES * classes);
  examples.forEach(({ answer }, i) => (labels[i * classes + (grown.processor.answers?.classOf(answer) ?? 0)] = 1));
  const step = await createTrainingStep(grown.model, {
    learningRate: 0.03,
    totalSteps: STEPS,
    freeze: ['visual_bert.*'],
  });
  try {
    const batch = { ...inputs, labels: { dtype: 'float32' as const, shape: [EXAMPLES, classes], data: labels } };
    for (let i = 1; i <= STEPS; i++) await onStep(i, (await step.run(batch)).loss);
  } finally {
    await step.dispose(); // moves the parameters back into the model
  }
}
