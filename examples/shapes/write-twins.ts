// Writes the data of all other tasks about the scenes of a data set, each in its original format: COCO captions, Flickr30k Entities,
// NLVR2, VCR, and this package's JSON lines.
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildVocabulary } from '../../src/node.js';
import { type Caption, captionsAbout, captionText } from './captions.js';
import { choiceAbout } from './choices.js';
import { pairStatements, type PairProbe } from './pairs.js';
import { RandomStream } from './random-stream.js';
import { boxOf, SCENE_SIZE, type Scene, type Thing } from './scene.js';
import { type ShapesData, type ShapesPaths, type ShapesSplit, shapesPaths, type Split } from './write-data.js';

/** The splits that twins have: `test-new` is the quickstart's alone. */
export const TWIN_SPLITS = ['train', 'validation', 'test'] as const satisfies readonly Split[];
const OWN_TASKS = ['classification', 'answering', 'grounding'] as const;

/** The paths of the twins' files, in addition to those of the quickstart. */
export interface TwinPaths extends ShapesPaths {
  captions(split: Split): string;
  pairs(split: Split): string;
  choices(split: Split): string;
  /** The same pictures, with the whole picture as the first box and then one box for each object. */
  choiceImages: string;
  /** Sentences and Annotations. */
  entities: string;
  /** Image ids of a split. */
  entityList(split: Split): string;
  own(task: (typeof OWN_TASKS)[number], split: Split): string;
}

export function twinPaths(folder: string): TwinPaths {
  return {
    ...shapesPaths(folder),
    captions: (split) => join(folder, `captions-${split}.json`),
    pairs: (split) => join(folder, `nlvr2-${split}.json`),
    choices: (split) => join(folder, `vcr-${split}.jsonl`),
    choiceImages: join(folder, 'vcr-images'),
    entities: join(folder, 'flickr'),
    entityList: (split) => join(folder, 'flickr', `${split}.txt`),
    own: (task, split) => join(folder, `${task}-${split}.jsonl`),
  };
}

/** A split with the captions of its scenes. */
interface TwinSplit extends ShapesSplit {
  readonly captions: readonly { scene: Scene; captions: readonly Caption[] }[];
  readonly pairs: readonly PairProbe[];
}

/**
 * Writes the twins of a data set that `writeShapesData` has written into the same folder; vocab.txt then has the words of all.
 * @param perTemplate NLVR2 statements of each pattern in training; the other splits get the share that their scenes allow
 */
export async function writeTwinData(
  folder: string,
  { splits }: ShapesData,
  { seed, perTemplate }: { seed: number; perTemplate: number },
): Promise<void> {
  const paths = twinPaths(folder);
  for (const dir of [paths.choiceImages, join(paths.entities, 'Sentences'), join(paths.entities, 'Annotations')])
    await mkdir(dir, { recursive: true });
  // Words of the questions with choices; the two things that they name are called Casey and Riley, as in VCR.
  const texts = ['What color are Casey and Riley? Since Casey is a'];
  const boxes: Record<string, (readonly number[])[]> = {};
  for (const name of TWIN_SPLITS) {
    const random = new RandomStream(seed, `twins ${name}`);
    const { scenes } = splits[name];
    const share = (perTemplate * scenes.length) / splits.train.scenes.length;
    const split: TwinSplit = {
      ...splits[name],
      captions: scenes.map((scene) => ({ scene, captions: captionsAbout(scene, random) })),
      pairs: pairStatements(scenes, share, random),
    };
    await writeCaptions(split, name, paths);
    await writePairs(split, name, paths, random);
    await writeEntities(split, name, paths);
    await writeOwn(split, name, paths);
    const choices = scenes.flatMap((scene) => choiceAbout(scene, random) ?? []);
    await writeFile(paths.choices(name), lines(choices));
    for (const scene of scenes) {
      await copyFile(join(paths.images, `${scene.id}.png`), join(paths.choiceImages, `${scene.id}.png`));
      boxes[scene.id] = [[0, 0, SCENE_SIZE, SCENE_SIZE], ...scene.things.map((thing) => boxOf(thing, scene))];
    }
    texts.push(
      ...[...split.questions, ...split.statements, ...split.pairs].map(({ text, answer }) => `${text} ${answer}`),
      ...split.captions.flatMap(({ captions }) => captions.map(captionText)),
    );
  }
  await writeFile(join(paths.choiceImages, 'boxes.json'), JSON.stringify(boxes));
  await writeFile(paths.vocabulary, buildVocabulary(texts).join('\n'));
}

/** @see https://cocodataset.org/#format-data "captions" */
async function writeCaptions({ captions }: TwinSplit, name: Split, paths: TwinPaths): Promise<void> {
  const annotations = captions.flatMap(({ scene, captions: said }) =>
    said.map((caption) => ({ image_id: scene.id, caption: captionText(caption) })),
  );
  await writeFile(
    paths.captions(name),
    JSON.stringify({ annotations: annotations.map((one, id) => ({ id, ...one })) }),
  );
}

/** LXMERT's form of NLVR2, which names its pictures. Up to four pairs share a sentence, as in the original. */
async function writePairs({ pairs }: TwinSplit, name: Split, paths: TwinPaths, random: RandomStream): Promise<void> {
  const byText = new Map<string, PairProbe[]>();
  for (const probe of random.shuffled(pairs)) byText.set(probe.text, [...(byText.get(probe.text) ?? []), probe]);
  const records = [...byText.values()].flatMap((group, sentence) =>
    group.map(({ sceneIds: [img0, img1], text: sent, answer }, i) => {
      const [set, pair] = [`${sentence}x${Math.floor(i / 4)}`, i % 4];
      const identifier = `${name}-${set}-${pair}-0`;
      return { identifier, uid: identifier, img0, img1, sent, label: Number(answer === 'true') };
    }),
  );
  await writeFile(paths.pairs(name), JSON.stringify(records));
}

/** @see https://github.com/BryanPlummer/flickr30k_entities */
async function writeEntities({ captions }: TwinSplit, name: Split, paths: TwinPaths): Promise<void> {
  for (const { scene, captions: said } of captions) {
    const entities: (readonly Thing[])[] = [];
    const sentences = said.map((caption) =>
      caption
        .map(({ words, things }) => (things === undefined ? words : `[/EN#${entities.push(things)}/other ${words}]`))
        .join(' '),
    );
    const objects = entities.flatMap((things, i) => things.map((thing) => entityXml(i + 1, thing)));
    await writeFile(join(paths.entities, 'Sentences', `${scene.id}.txt`), `${sentences.join('\n')}\n`);
    await writeFile(
      join(paths.entities, 'Annotations', `${scene.id}.xml`),
      `<annotation>\n  <filename>${scene.id}.png</filename>\n${objects.join('')}</annotation>\n`,
    );
  }
  await writeFile(paths.entityList(name), captions.map(({ scene }) => `${scene.id}\n`).join(''));
}

function entityXml(entity: number, thing: Thing): string {
  const corners = tightBox(thing).map((value, i) => {
    const tag = ['xmin', 'ymin', 'xmax', 'ymax'][i];
    return `<${tag}>${value}</${tag}>`;
  });
  return `  <object>\n    <name>${entity}</name>\n    <bndbox>${corners.join('')}</bndbox>\n  </object>\n`;
}

/** The box that a person would draw around a thing: whole pixels, without the margin of proposals. */
function tightBox({ x, y, radius }: Thing): number[] {
  return [x - radius, y - radius, x + radius, y + radius].map(Math.round);
}

async function writeOwn(split: TwinSplit, name: Split, paths: TwinPaths): Promise<void> {
  const { questions, statements, pairs, captions } = split;
  const single = statements.map(({ sceneId: image, text, answer }) => ({ text, image, label: answer }));
  const double = pairs.map(({ sceneIds: images, text, answer }) => ({ text, images, label: answer }));
  await writeFile(paths.own('classification', name), lines([...single, ...double]));
  const asked = questions.map(({ sceneId: image, text, answer }) => ({ question: text, image, answers: [answer] }));
  await writeFile(paths.own('answering', name), lines(asked));
  const grounded = captions.flatMap(({ scene, captions: said }) => said.map((caption) => ownGrounding(scene, caption)));
  await writeFile(paths.own('grounding', name), lines(grounded));
}

function ownGrounding({ id: image }: Scene, caption: Caption): object {
  let first = 0;
  const phrases = caption.flatMap(({ words, things }) => {
    const last = first + words.split(' ').length - 1;
    const phrase = { words: [first, last], boxes: things?.map(tightBox) };
    first = last + 1;
    return things === undefined ? [] : [phrase];
  });
  return { text: captionText(caption), image, phrases };
}

function lines(records: readonly object[]): string {
  return records.map((record) => `${JSON.stringify(record)}\n`).join('');
}
