// Random scenes of colored shapes: their positions, and the boxes that a detector would propose.
import { type RandomStream } from './random-stream.js';

export const COLORS = ['red', 'yellow', 'green', 'blue', 'purple'] as const;
export const SHAPES = ['circle', 'square', 'triangle', 'cross', 'star'] as const;
/** Colors that no data set has: the browser example teaches them. */
export const NEW_COLORS = ['orange', 'cyan', 'pink'] as const;
export type Color = (typeof COLORS)[number];
export type NewColor = (typeof NEW_COLORS)[number];
export type Shape = (typeof SHAPES)[number];

/** Width and height of a scene in pixels. */
export const SCENE_SIZE = 96;
const RADII: readonly [number, number] = [6.5, 13];
/** Half width of a proposal in radii: detectors' boxes have a margin around an object. */
const LOOSENESS = 1.25;
/** How far a proposal's edge may miss, as a share of the radius. */
const BOX_ERROR = 0.1;

export interface Thing {
  readonly color: Color | NewColor;
  readonly shape: Shape;
  /** Centre and half width in pixels. */
  readonly x: number;
  readonly y: number;
  readonly radius: number;
  /** 0 to 1: how bright and how saturated this thing's color is, and how far its hue is shifted. */
  readonly brightness: number;
  readonly saturation: number;
  readonly hueShift: number;
}

export interface Scene {
  readonly id: string;
  readonly things: readonly Thing[];
  /** Grey level of the background at the top and at the bottom, 0 to 255. */
  readonly background: readonly [number, number];
  /** Proposals [x1, y1, x2, y2] in pixels, in random order. */
  readonly boxes: readonly (readonly number[])[];
}

/** 'red circle' */
export function pairOf({ color, shape }: Pick<Thing, 'color' | 'shape'>): string {
  return `${color} ${shape}`;
}

function isColor(word: string): word is Color {
  return (COLORS as readonly string[]).includes(word);
}

/** The things of a color or of a shape. */
export function thingsThatAre(word: Color | Shape, { things }: Pick<Scene, 'things'>): Thing[] {
  return things.filter(({ color, shape }) => color === word || shape === word);
}

/** 'red things', 'circles' */
export function manyOf(word: Color | Shape): string {
  return isColor(word) ? `${word} things` : word === 'cross' ? 'crosses' : `${word}s`;
}

/** The target box of a thing for a detector: with the same margin as proposals, without their errors. */
export function outlineOf({ x, y, radius }: Pick<Thing, 'x' | 'y' | 'radius'>): [number, number, number, number] {
  const half = LOOSENESS * radius;
  return [x - half, y - half, x + half, y + half];
}

/** The proposal that was made for a thing. */
export function boxOf({ x, y }: Thing, { boxes }: Scene): readonly number[] {
  const box = boxes.find(([x1 = 0, y1 = 0, x2 = 0, y2 = 0]) => x1 < x && x < x2 && y1 < y && y < y2);
  if (box === undefined) throw new Error(`no box holds the thing at ${x}, ${y}`);
  return box;
}

/** A fifth of all color-shape pairs, every color and every shape once: they are excluded from training. */
export function heldOutPairs(random: RandomStream): ReadonlySet<string> {
  const shapes = random.shuffled(SHAPES);
  return new Set(COLORS.map((color, i) => pairOf({ color, shape: shapes[i] as Shape })));
}

export interface SceneRule {
  /** Pairs that must not occur. */
  without?: ReadonlySet<string>;
  /** Pairs of which at least one must occur. */
  withOneOf?: readonly string[];
}

/** Draws a scene of three to five things that do not overlap. */
export function createScene(
  id: string,
  random: RandomStream,
  { without = new Set(), withOneOf = [] }: SceneRule,
): Scene {
  const count = 3 + Math.floor(random.between(0, 3));
  const kinds: Pick<Thing, 'color' | 'shape'>[] = [];
  if (withOneOf.length > 0) {
    const [color, shape] = random.pick(withOneOf).split(' ') as [Color, Shape];
    kinds.push({ color, shape });
  }
  while (kinds.length < count) {
    const kind = createKind(kinds, random);
    if (!without.has(pairOf(kind))) kinds.push(kind);
  }
  const spots = createSpots(count, random);
  const things = kinds.map((kind, i) => ({
    ...kind,
    ...(spots[i] as Spot),
    brightness: random.between(0, 1),
    saturation: random.between(0, 1),
    hueShift: random.between(0, 1),
  }));
  const boxes = random.shuffled(spots.map((spot) => proposal(spot, random)));
  return { id, things, background: [random.between(0, 255), random.between(0, 255)], boxes };
}

/** Often repeats a color or a shape that is there already, so that there is something to count. */
function createKind(
  kinds: readonly Pick<Thing, 'color' | 'shape'>[],
  random: RandomStream,
): Pick<Thing, 'color' | 'shape'> {
  const repeats = random.between(0, 1);
  const earlier = kinds.length > 0 ? random.pick(kinds) : null;
  return {
    color: earlier !== null && repeats < 0.3 ? earlier.color : random.pick(COLORS),
    shape: earlier !== null && repeats > 0.7 ? earlier.shape : random.pick(SHAPES),
  };
}

type Spot = Pick<Thing, 'x' | 'y' | 'radius'>;

function createSpots(count: number, random: RandomStream): Spot[] {
  const spots: Spot[] = [];
  for (let attempt = 0; spots.length < count; attempt++) {
    if (attempt > 200) return createSpots(count, random);
    const radius = random.between(...RADII);
    const half = LOOSENESS * radius;
    const [x, y] = [random.between(half, SCENE_SIZE - half), random.between(half, SCENE_SIZE - half)];
    const isFree = spots.every(
      (s) => Math.max(Math.abs(s.x - x), Math.abs(s.y - y)) >= LOOSENESS * (s.radius + radius),
    );
    if (isFree) spots.push({ x, y, radius });
  }
  return spots;
}

function proposal({ x, y, radius }: Spot, random: RandomStream): number[] {
  const edge = (value: number): number => {
    const missed = value + random.between(-BOX_ERROR, BOX_ERROR) * radius;
    return Math.round(Math.min(SCENE_SIZE, Math.max(0, missed)) * 100) / 100;
  };
  return outlineOf({ x, y, radius }).map(edge);
}
