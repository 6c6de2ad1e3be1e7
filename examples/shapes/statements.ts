// All statements about a scene, with their truth values.
import { type Probe } from './balance.js';
import { aloneIn, cornerOf, CORNERS, uniqueNames } from './questions.js';
import { COLORS, manyOf, pairOf, SHAPES, type Scene, thingsThatAre } from './scene.js';

const NUMBERS = ['no', 'one', 'two', 'three'];

/** All statements about a scene; the answer is 'true' or 'false'. */
export function statementsAbout(scene: Scene): Probe[] {
  const { id: sceneId, things } = scene;
  const probes: Probe[] = [];
  const state = (template: string, text: string, holds: boolean, pairs: string[]): void => {
    probes.push({ sceneId, template, text, answer: String(holds), pairs });
  };
  for (const color of COLORS) {
    for (const shape of SHAPES) {
      const pair = pairOf({ color, shape });
      if (!things.some((t) => t.color === color) || !things.some((t) => t.shape === shape)) continue;
      state(
        'existence',
        `There is a ${pair}.`,
        things.some((t) => pairOf(t) === pair),
        [pair],
      );
    }
  }
  for (const words of [COLORS, SHAPES]) {
    for (const word of words) {
      const counted = thingsThatAre(word, scene);
      for (const n of [2, 3]) {
        state('count', `There are exactly ${NUMBERS[n]} ${manyOf(word)}.`, counted.length === n, counted.map(pairOf));
      }
    }
    for (const more of words) {
      for (const less of words) {
        if (more === less) continue;
        const [a, b] = [thingsThatAre(more, scene), thingsThatAre(less, scene)];
        if (a.length === b.length) continue;
        const text = `There are more ${manyOf(more)} than ${manyOf(less)}.`;
        state('comparison', text, a.length > b.length, [...a, ...b].map(pairOf));
      }
    }
  }
  for (const corner of CORNERS) {
    const thing = aloneIn(corner, scene);
    if (thing === null) continue;
    const name = `The thing in the ${corner}`;
    for (const color of COLORS) state('color', `${name} is ${color}.`, thing.color === color, [pairOf(thing)]);
    for (const shape of SHAPES) state('shape', `${name} is a ${shape}.`, thing.shape === shape, [pairOf(thing)]);
  }
  for (const [name, thing] of uniqueNames(scene)) {
    const place = cornerOf(thing);
    if (place === null) continue;
    for (const corner of CORNERS) {
      state('place', `The ${name} is in the ${corner}.`, corner === place, [pairOf(thing)]);
    }
  }
  return probes;
}
