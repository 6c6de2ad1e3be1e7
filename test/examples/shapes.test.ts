// The generator of shapes, on which the quickstart's metrics depend.
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { type Probe } from '../../examples/shapes/balance.js';
import { drawScene } from '../../examples/shapes/draw.js';
import { questionsAbout } from '../../examples/shapes/questions.js';
import { RandomStream } from '../../examples/shapes/random-stream.js';
import { COLORS, createScene, pairOf, type Scene, SHAPES, type Thing } from '../../examples/shapes/scene.js';
import { statementsAbout } from '../../examples/shapes/statements.js';
import { createShapesData, type ShapesData } from '../../examples/shapes/write-data.js';

const OPTIONS = { seed: 0, trainScenes: 240, testScenes: 80, perTemplate: 200 };

let data: ShapesData;
beforeAll(() => {
  data = createShapesData(OPTIONS);
});

/** text -> answer -> how often. */
function tally(probes: readonly Probe[]): Map<string, Map<string, number>> {
  const counts = new Map<string, Map<string, number>>();
  for (const { text, answer } of probes) {
    const answers = counts.get(text) ?? new Map<string, number>();
    counts.set(text, answers.set(answer, (answers.get(answer) ?? 0) + 1));
  }
  return counts;
}

/** A red circle top left, a blue square top right, a second red thing, a star, bottom right. */
function knownScene(): Scene {
  const thing = (color: Thing['color'], shape: Thing['shape'], x: number, y: number): Thing => ({
    color,
    shape,
    x,
    y,
    radius: 8,
    brightness: 0.5,
    saturation: 0.5,
    hueShift: 0.5,
  });
  const things = [thing('red', 'circle', 20, 20), thing('blue', 'square', 70, 30), thing('red', 'star', 75, 80)];
  return { id: 'known', things, background: [100, 120], boxes: [] };
}

describe('the data set', () => {
  test('is the same for a seed, and another for another seed', () => {
    const again = createShapesData(OPTIONS);
    expect(JSON.stringify(again) === JSON.stringify(data)).toBe(true); // toEqual takes seconds over so much
    const other = createShapesData({ ...OPTIONS, seed: 1 });
    expect(other.splits.train.scenes[0]).not.toEqual(data.splits.train.scenes[0]);
    expect(other.newPairs).not.toEqual(data.newPairs);
  });

  test('keeps a fifth of the pairs out of training: every color and every shape once', () => {
    expect(data.newPairs.size).toBe((COLORS.length * SHAPES.length) / 5);
    const words = [...data.newPairs].flatMap((pair) => pair.split(' '));
    expect(words.sort()).toEqual([...COLORS, ...SHAPES].sort());
    const { train, validation, test: held, 'test-new': fresh } = data.splits;
    for (const { scenes, questions, statements } of [train, validation, held]) {
      expect(scenes.flatMap((scene) => scene.things.map(pairOf)).filter((pair) => data.newPairs.has(pair))).toEqual([]);
      const texts = [...questions, ...statements].map(({ text }) => text);
      expect(texts.filter((text) => [...data.newPairs].some((pair) => text.includes(pair)))).toEqual([]);
    }
    for (const { pairs } of [...fresh.questions, ...fresh.statements])
      expect(pairs.some((pair) => data.newPairs.has(pair))).toBe(true);
  });

  test('gives every answer of a wording equally often, so that the wording does not give the answer away', () => {
    for (const split of ['train', 'validation', 'test'] as const) {
      const { questions, statements } = data.splits[split];
      for (const [text, answers] of tally([...questions, ...statements])) {
        expect({ text, answers: answers.size }).not.toEqual({ text, answers: 1 });
        expect({ text, counts: new Set(answers.values()).size }).toEqual({ text, counts: 1 });
      }
      for (const answers of tally(statements).values()) expect([...answers.keys()].sort()).toEqual(['false', 'true']);
    }
    expect(new Set(data.splits.train.questions.map(({ template }) => template)).size).toBe(5);
  });

  test('shares no scene between splits', () => {
    const scenes = Object.values(data.splits).flatMap((split) =>
      split.scenes.map((scene) => JSON.stringify(scene.things)),
    );
    expect(new Set(scenes).size).toBe(scenes.length);
  });
});

describe('a scene', () => {
  test('varies in position, size, color and brightness', () => {
    const things = data.splits.train.scenes.flatMap((scene) => scene.things);
    const spread = (measure: (thing: Thing) => number): number =>
      Math.max(...things.map(measure)) - Math.min(...things.map(measure));
    expect(spread((t) => t.x)).toBeGreaterThan(60);
    expect(spread((t) => t.y)).toBeGreaterThan(60);
    expect(spread((t) => t.radius)).toBeGreaterThan(6);
    for (const measure of ['brightness', 'saturation', 'hueShift'] as const)
      expect(spread((t) => t[measure])).toBeGreaterThan(0.9);
    expect(new Set(things.map(pairOf)).size).toBe(20);
    expect(new Set(data.splits.train.scenes.map((scene) => scene.things.length))).toEqual(new Set([3, 4, 5]));
  });

  test('is drawn inside its boxes: everything outside of them is grey', () => {
    for (let i = 0; i < 5; i++) {
      const scene = createScene(String(i), new RandomStream(i, 'drawn'), {});
      const { width, height, rgb } = drawScene(scene);
      const isColored = (x: number, y: number): boolean =>
        new Set(rgb.subarray((y * width + x) * 3, (y * width + x) * 3 + 3)).size > 1;
      for (const { x, y } of scene.things) expect(isColored(Math.floor(x), Math.floor(y))).toBe(true);
      const outside = Array.from(
        { length: width * height },
        (_, p) => [p % width, Math.floor(p / width)] as const,
      ).filter(
        ([x, y]) =>
          !scene.boxes.some(([x1 = 0, y1 = 0, x2 = 0, y2 = 0]) => x >= x1 - 1 && x <= x2 && y >= y1 - 1 && y <= y2),
      );
      expect(outside.filter(([x, y]) => isColored(x, y))).toEqual([]);
    }
  });

  test('is asked what can be seen in it', () => {
    const answers = new Map(questionsAbout(knownScene()).map(({ text, answer }) => [text, answer]));
    expect(answers.get('What color is the thing in the top left?')).toBe('red');
    expect(answers.get('What shape is the thing in the bottom right?')).toBe('star');
    expect(answers.has('What shape is the thing in the bottom left?')).toBe(false);
    expect(answers.get('Where is the square?')).toBe('top right');
    expect(answers.has('Where is the red thing?')).toBe(false); // there are two
    expect(answers.get('How many red things are there?')).toBe('2');
    expect(answers.get('How many crosses are there?')).toBe('0');
    expect(answers.get('Is there a red circle?')).toBe('yes');
    expect(answers.get('Is there a blue circle?')).toBe('no');
    expect(answers.has('Is there a green circle?')).toBe(false); // there is nothing green to mistake for it
  });

  test('is stated what is true of it and what is not', () => {
    const truths = new Map(statementsAbout(knownScene()).map(({ text, answer }) => [text, answer]));
    expect(truths.get('There are exactly two red things.')).toBe('true');
    expect(truths.get('There are exactly three stars.')).toBe('false');
    expect(truths.get('There are more red things than blue things.')).toBe('true');
    expect(truths.has('There are more circles than squares.')).toBe(false); // as many
    expect(truths.get('The circle is in the top left.')).toBe('true');
    expect(truths.get('The thing in the top right is a star.')).toBe('false');
  });
});

test('the code that makes features contains no name of a shape or color', () => {
  const text = ['features/pixels', 'pictures/png', 'features/readers/pictures']
    .map((name) => readFileSync(`src/${name}.ts`, 'utf8'))
    .join();
  const words = new Set(text.toLowerCase().split(/[^a-z]+/));
  expect([...COLORS, ...SHAPES].filter((name) => words.has(name))).toEqual([]);
  expect(text).not.toContain('examples');
});
