// Statements about two scenes, in the form of NLVR2: each is true of half of the pairs that it is made about.
import { type Asked, balanced } from './balance.js';
import { type RandomStream } from './random-stream.js';
import { COLORS, isColor, manyOf, SHAPES, type Scene, thingsThatAre } from './scene.js';

/** A statement about a left and a right scene; the answer is 'true' or 'false'. */
export interface PairProbe extends Asked {
  readonly sceneIds: readonly [left: string, right: string];
}

/** Statements about random pairs of scenes, `perTemplate` of each pattern. */
export function pairStatements(scenes: readonly Scene[], perTemplate: number, random: RandomStream): PairProbe[] {
  const pairs = Array.from({ length: 2 * scenes.length }, () => [random.pick(scenes), random.pick(scenes)] as const);
  const probes = pairs.flatMap(([left, right]) => (left === right ? [] : statementsAboutPair(left, right)));
  return balanced(probes, perTemplate, random);
}

/** All statements about a pair. */
export function statementsAboutPair(left: Scene, right: Scene): PairProbe[] {
  const probes: PairProbe[] = [];
  const state = (template: string, text: string, holds: boolean): void => {
    probes.push({ sceneIds: [left.id, right.id], template, text, answer: String(holds) });
  };
  for (const word of [...COLORS, ...SHAPES]) {
    const [inLeft, inRight] = [thingsThatAre(word, left).length, thingsThatAre(word, right).length];
    const one = isColor(word) ? `${word} thing` : word;
    if (inLeft > 0 !== inRight > 0) {
      state('which', `There is a ${one} in the left image.`, inLeft > 0);
      state('which', `There is a ${one} in the right image.`, inRight > 0);
    }
    if (inLeft > 0 || inRight > 0) state('both', `Both images show a ${one}.`, inLeft > 0 && inRight > 0);
    if (inLeft !== inRight) {
      state('more', `The left image shows more ${manyOf(word)} than the right one.`, inLeft > inRight);
    }
  }
  return probes;
}
