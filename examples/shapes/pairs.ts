// Statements about two scenes, in the form of NLVR2: each is true of half of the pairs that it is made about.
import { type Asked, balanced } from './balance.js';
import { aloneIn, CORNERS } from './questions.js';
import { type RandomStream } from './random-stream.js';
import { type Scene } from './scene.js';

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

/**
 * All statements about a pair: what the thing in a corner of one image is. The other image has another thing in that corner, which the
 * false statements tell of: whoever cannot tell left from right finds both equally likely.
 */
export function statementsAboutPair(left: Scene, right: Scene): PairProbe[] {
  const probes: PairProbe[] = [];
  for (const corner of CORNERS) {
    const [one, other] = [aloneIn(corner, left), aloneIn(corner, right)];
    if (one === null || other === null) continue;
    for (const [side, thing] of [['left', one] as const, ['right', other] as const]) {
      const state = (template: string, words: string, answer: boolean): void => {
        const text = `The thing in the ${corner} of the ${side} image is ${words}.`;
        probes.push({ sceneIds: [left.id, right.id], template, text, answer: String(answer) });
      };
      if (one.color !== other.color) for (const { color } of [one, other]) state('color', color, color === thing.color);
      if (one.shape !== other.shape)
        for (const { shape } of [one, other]) state('shape', `a ${shape}`, shape === thing.shape);
    }
  }
  return probes;
}
