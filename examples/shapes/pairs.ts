// Statements about two scenes, in NLVR2's format: each is true for half of its pairs.
import { type Asked, balanced } from './balance.js';
import { type RandomStream } from './random-stream.js';
import { COLORS, SHAPES, type Scene, thingsThatAre } from './scene.js';

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
 * All statements about a pair: which images have a thing of a color or a shape.
 * For 'either', one image or none has it; for 'both', both or one; for 'side', one has it: to a model that cannot distinguish left from right,
 * both answers are equally likely.
 */
export function statementsAboutPair(left: Scene, right: Scene): PairProbe[] {
  const probes: PairProbe[] = [];
  for (const word of [...COLORS, ...SHAPES]) {
    const name = (COLORS as readonly string[]).includes(word) ? `${word} thing` : word;
    const [inLeft, inRight] = [left, right].map((scene) => thingsThatAre(word, scene).length > 0);
    const state = (template: string, text: string, answer: boolean): void => {
      probes.push({ sceneIds: [left.id, right.id], template, text, answer: String(answer) });
    };
    const isInOne = inLeft !== inRight;
    if (isInOne || !inLeft) state('either', `There is a ${name} in one of the images.`, isInOne);
    if (isInOne || inLeft) state('both', `There is a ${name} in both images.`, !isInOne);
    if (isInOne) {
      state('side', `There is a ${name} in the left image.`, inLeft === true);
      state('side', `There is a ${name} in the right image.`, inRight === true);
    }
  }
  return probes;
}
