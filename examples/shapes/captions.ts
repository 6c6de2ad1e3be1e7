// Captions of a scene: sentences whose phrases refer to things, for captions and for grounding.
import { cornerOf, uniqueNames } from './questions.js';
import { type RandomStream } from './random-stream.js';
import { COLORS, manyOf, pairOf, SHAPES, type Scene, type Thing, thingsThatAre } from './scene.js';

/** Words of a sentence; a phrase that names things says which. */
export interface CaptionPart {
  readonly words: string;
  readonly things?: readonly Thing[];
}
export type Caption = readonly CaptionPart[];

const MOST_CAPTIONS = 6;
const NUMBERS = ['no', 'one', 'two', 'three', 'four', 'five'];

/** Sentences about a scene, a fact each; three sentences at least. */
export function captionsAbout(scene: Scene, random: RandomStream): Caption[] {
  const facts = random.shuffled(factsAbout(scene)).slice(0, MOST_CAPTIONS);
  return facts.map((fact) => [...fact, { words: '.' }]);
}

/** The sentence as plain text. */
export function captionText(caption: Caption): string {
  return caption.map(({ words }) => words).join(' ');
}

function factsAbout(scene: Scene): Caption[] {
  const { things } = scene;
  const facts: Caption[] = [];
  for (const thing of things) {
    const corner = cornerOf(thing);
    const same = things.filter((other) => pairOf(other) === pairOf(thing));
    const words = `a ${pairOf(thing)}`;
    if (corner === null) facts.push([{ words, things: same }]);
    else facts.push([{ words, things: same.filter((one) => cornerOf(one) === corner) }, { words: `in the ${corner}` }]);
  }
  for (const [name, thing] of uniqueNames(scene)) {
    const phrase = { words: `the ${name}`, things: [thing] };
    facts.push([phrase, { words: name === thing.shape ? `is ${thing.color}` : `is a ${thing.shape}` }]);
    const corner = cornerOf(thing);
    if (corner !== null) facts.push([phrase, { words: `is in the ${corner}` }]);
  }
  for (const word of [...COLORS, ...SHAPES]) {
    const found = thingsThatAre(word, scene);
    if (found.length > 1) facts.push([{ words: `${NUMBERS[found.length]} ${manyOf(word)}`, things: found }]);
  }
  return facts;
}
