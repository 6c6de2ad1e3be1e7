// All questions about a scene, with their answers.
import { type Probe } from './balance.js';
import { COLORS, manyOf, pairOf, SCENE_SIZE, SHAPES, type Scene, type Thing, thingsThatAre } from './scene.js';

const MOST_COUNTED = 3;
/** Minimum distance in pixels from a thing's centre to the middle lines for it to count as inside a quarter of the picture. */
const CLEAR_DISTANCE = 5;

/** The one thing that fits, or null when none or several do. */
function theOne(things: readonly Thing[], fits: (thing: Thing) => boolean): Thing | null {
  const found = things.filter(fits);
  return found.length === 1 ? (found[0] as Thing) : null;
}

/** Names that pick out exactly one thing of the scene: 'circle', 'red thing'. */
export function uniqueNames({ things }: Scene): [name: string, thing: Thing][] {
  const names = [...SHAPES.map((s) => [s, s] as const), ...COLORS.map((c) => [c, `${c} thing`] as const)];
  return names.flatMap(([word, name]): [string, Thing][] => {
    const thing = theOne(things, (t) => t.color === word || t.shape === word);
    return thing === null ? [] : [[name, thing]];
  });
}

export const CORNERS = ['top left', 'top right', 'bottom left', 'bottom right'] as const;
type Corner = (typeof CORNERS)[number];

/** Distance in pixels of a thing's centre from the edge of a quarter of the picture; negative outside of it. */
function depthIn(corner: Corner, { x, y }: Thing): number {
  const [dx, dy] = [x - SCENE_SIZE / 2, y - SCENE_SIZE / 2];
  return Math.min(corner.startsWith('top') ? -dy : dy, corner.endsWith('left') ? -dx : dx);
}

/** The quarter of the picture that a thing is clearly inside of, or null. */
export function cornerOf(thing: Thing): Corner | null {
  return CORNERS.find((corner) => depthIn(corner, thing) >= CLEAR_DISTANCE) ?? null;
}

/** The only thing in a quarter of the picture, if it is clearly inside; otherwise null. */
export function aloneIn(corner: Corner, { things }: Scene): Thing | null {
  const near = things.filter((thing) => depthIn(corner, thing) > -CLEAR_DISTANCE);
  const [thing] = near;
  return thing !== undefined && near.length === 1 && cornerOf(thing) === corner ? thing : null;
}

/** All questions about a scene. */
export function questionsAbout(scene: Scene): Probe[] {
  const { id: sceneId, things } = scene;
  const probes: Probe[] = [];
  const ask = (template: string, text: string, answer: string, pairs: string[]): void => {
    probes.push({ sceneId, template, text, answer, pairs });
  };
  for (const corner of CORNERS) {
    const thing = aloneIn(corner, scene);
    if (thing === null) continue;
    ask('color', `What color is the thing in the ${corner}?`, thing.color, [pairOf(thing)]);
    ask('shape', `What shape is the thing in the ${corner}?`, thing.shape, [pairOf(thing)]);
  }
  for (const [name, thing] of uniqueNames(scene)) {
    const corner = cornerOf(thing);
    if (corner !== null) ask('place', `Where is the ${name}?`, corner, [pairOf(thing)]);
  }
  for (const word of [...COLORS, ...SHAPES]) {
    const counted = thingsThatAre(word, scene);
    const text = `How many ${manyOf(word)} are there?`;
    if (counted.length <= MOST_COUNTED) ask('count', text, String(counted.length), counted.map(pairOf));
  }
  for (const color of COLORS) {
    for (const shape of SHAPES) {
      const pair = pairOf({ color, shape });
      if (!things.some((t) => t.color === color) || !things.some((t) => t.shape === shape)) continue;
      ask('existence', `Is there a ${pair}?`, things.some((t) => pairOf(t) === pair) ? 'yes' : 'no', [pair]);
    }
  }
  return probes;
}
