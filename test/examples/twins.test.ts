// The synthetic twin of every task: its files load, and their texts alone do not predict the answers.
import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { captionsAbout, captionText } from '../../examples/shapes/captions.js';
import { type ChoiceRecord } from '../../examples/shapes/choices.js';
import { statementsAboutPair } from '../../examples/shapes/pairs.js';
import { RandomStream } from '../../examples/shapes/random-stream.js';
import { boxOf, type Scene, type Thing } from '../../examples/shapes/scene.js';
import { twinData, TWINS, writeTwins } from '../../examples/shapes/twins.js';
import { type TwinPaths } from '../../examples/shapes/write-twins.js';
import { readOwnRecords } from '../../src/records/own.js';
import { readNlvr2 } from '../../src/records/nlvr.js';
import { readFlickrEntities } from '../../src/records/flickr.js';
import { openTask } from '../../src/tasks/open-task.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

let folder: string;
let paths: TwinPaths;
beforeAll(async () => {
  folder = temporaryFolder();
  paths = await writeTwins(folder, { seed: 0, trainScenes: 60, testScenes: 30, perTemplate: 60 });
});

/** A red circle top left, a blue circle bottom right. */
const scene: Scene = {
  id: 'known',
  background: [0, 0],
  boxes: [
    [60, 60, 80, 80],
    [10, 10, 30, 30],
  ],
  things: [
    { color: 'red', shape: 'circle', x: 20, y: 20, radius: 8, brightness: 0.5, saturation: 0.5, hueShift: 0.5 },
    { color: 'blue', shape: 'circle', x: 70, y: 70, radius: 8, brightness: 0.5, saturation: 0.5, hueShift: 0.5 },
  ],
};

describe('twins', () => {
  test.each(Object.keys(TWINS))('%s: every split passes the loader of its task', async (name) => {
    const twin = TWINS[name];
    if (twin === undefined) throw new Error(name);
    for (const split of ['train', 'validation', 'test'] as const) {
      const options = { ...twinData(twin, paths, split), vocabulary: paths.vocabulary };
      const opened = await openTask(twin.task, options, { purpose: 'train', model: null });
      expect(opened.data.length).toBeGreaterThan(20);
      const examples = await Promise.all([0, 1, 2].map((i) => opened.data.example(i)));
      const { inputs } = await opened.task.collate(examples, { seed: 0, epoch: 0, training: true });
      // Every word is in the vocabulary: nothing is [UNK] (1) or cut into letters.
      expect([...(inputs['inputIds']?.data ?? [])]).not.toContain(1);
      await opened.close();
    }
  });

  test('captions describe the scene, and their phrases refer to its things', () => {
    const captions = captionsAbout(scene, new RandomStream(0, 'test'));
    const facts = captions.map((caption) => captionText(caption).replace(' .', ''));
    const known = ['a red circle in the top left', 'a blue circle in the bottom right', 'two circles'];
    known.push('the red thing is a circle', 'the blue thing is a circle');
    known.push('the red thing is in the top left', 'the blue thing is in the bottom right');
    expect(facts.filter((fact) => !known.includes(fact))).toEqual([]);
    expect(new Set(facts).size).toBe(facts.length);
    for (const { words, things = [] } of captions.flat()) {
      if (words === 'two circles') expect(things).toEqual(scene.things);
      if (words.includes('blue')) expect(things).toEqual([scene.things[1]]);
    }
    expect(scene.things.map((thing) => boxOf(thing, scene))).toEqual([scene.boxes[1], scene.boxes[0]]);
  });

  test('every phrase of Flickr and of own grounding has a region that matches it, and both say the same', async () => {
    const sentences = await readFlickrEntities(paths.entities, paths.entityList('test'));
    const own = await readOwnRecords('grounding', paths.own('grounding', 'test'));
    expect(own.map(({ words, phrases }) => [words.join(' '), phrases.map(({ boxes }) => boxes)])).toEqual(
      sentences.map(({ words, phrases }) => [words.join(' '), phrases.map(({ boxes }) => boxes)]),
    );
    const opened = await openTask(
      'flickr',
      { ...twinData(TWINS['flickr'] as never, paths, 'test'), vocabulary: paths.vocabulary },
      { purpose: 'train', model: null },
    );
    for (let i = 0; i < opened.data.length; i++) {
      const { matches } = (await opened.data.example(i)) as { matches: number[][] };
      expect(matches.filter((regions) => regions.length === 0)).toEqual([]);
    }
    await opened.close();
  });

  test('statements about pairs are true of half of the pairs that they are made about, and know left from right', async () => {
    const [red] = scene.things as [Thing, Thing];
    const other = { ...scene, id: 'other', things: [{ ...red, color: 'green' as const }] };
    const said = statementsAboutPair(scene, other).map(({ text, answer }) => [text, answer] as const);
    const about = (word: string): (readonly [string, string])[] => said.filter(([text]) => text.includes(` ${word} `));
    expect(about('red')).toEqual([
      ['There is a red thing in one of the images.', 'true'],
      ['There is a red thing in both images.', 'false'],
      ['There is a red thing in the left image.', 'true'],
      ['There is a red thing in the right image.', 'false'],
    ]);
    expect(about('green').slice(2)).toEqual([
      ['There is a green thing in the left image.', 'false'],
      ['There is a green thing in the right image.', 'true'],
    ]);
    expect(about('circle')).toEqual([['There is a circle in both images.', 'true']]);
    expect(about('star')).toEqual([['There is a star in one of the images.', 'false']]);
    for (const split of ['train', 'validation', 'test'] as const) {
      const truths = new Map<string, number>();
      for (const { sentence, label } of await readNlvr2(paths.pairs(split)))
        truths.set(sentence, (truths.get(sentence) ?? 0) + (label ? 1 : -1));
      expect(new Set(truths.values())).toEqual(new Set([0]));
    }
  });

  test('of four choices all are equally likely without the picture, and two without the tags', async () => {
    const records = (await readFile(paths.choices('train'), 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as ChoiceRecord);
    for (const { answer_choices: choices, answer_label: label } of records) {
      const pairs = choices.map(([, , x, , , , y]) => [x as string, y as string] as const);
      const isSwapped = (i: number, j: number): boolean =>
        pairs[i]?.[0] === pairs[j]?.[1] && pairs[i]?.[1] === pairs[j]?.[0];
      for (let i = 0; i < 4; i++) expect([0, 1, 2, 3].filter((j) => isSwapped(i, j))).toHaveLength(1);
      // One word is in all four choices; which side it has in the right one is a matter of chance.
      const common = pairs[0]?.find((word) => pairs.every((pair) => pair.includes(word)));
      expect(pairs[label]).toContain(common);
    }
    const labels = [0, 1, 2, 3].map((label) => records.filter(({ answer_label: one }) => one === label).length);
    for (const count of labels) expect(count).toBeGreaterThan(records.length / 8);
  });
});
