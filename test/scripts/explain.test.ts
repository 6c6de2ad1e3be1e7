// `visualbert ground` and `visualbert explain`: the fixtures of explanations through the built commands.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, jest, test } from '@jest/globals';
import { useBackend } from '../helpers/backend.js';
import { npy } from '../helpers/files/numpy-files.js';
import { writeCheckpoint } from '../helpers/models/pipeline-models.js';
import { writeDetector, writePicture } from '../helpers/models/small-detector.js';
import { COMMAND, visualbert } from '../helpers/command-line/command.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

const isBuilt = existsSync(COMMAND);
if (!isBuilt) process.stderr.write(`skipped: ${COMMAND} is not built (npm run build)\n`);

const folder = temporaryFolder();

/** The flags of a fixture's checkpoint and regions, and what PyTorch says. */
function fixture(name: string): {
  flags: string[];
  expected: { relevance: number[]; words: number[][]; probability: number; answer: number };
} {
  const model = join('test', 'fixtures', 'explanations', name);
  const expected = JSON.parse(readFileSync(join(model, 'expected.json'), 'utf8')) as ReturnType<
    typeof fixture
  >['expected'] & { regions: number[][][] };
  const [regions = []] = expected.regions;
  const features = join(folder, `${name}.npy`);
  writeFileSync(features, npy(regions.flat(), [regions.length, regions[0]?.length ?? 0]));
  return { flags: ['--backend', 'cpu', '--model', model, '--features', folder, '--image', name], expected };
}

(isBuilt ? describe : describe.skip)('visualbert explain and ground', () => {
  jest.setTimeout(240_000); // several processes, on machines that may be busy

  test('explain gives the numbers of PyTorch as JSON, and a page', async () => {
    const { flags, expected } = fixture('qa');
    const asked = [...flags, '--question', 'A bp, c?'];
    const { stdout, code } = await visualbert(['explain', ...asked, '--json']);
    expect(code).toBe(0);
    const { answer, words } = JSON.parse(stdout) as {
      answer: { index: number; score: number };
      words: { text: string; score: number }[];
    };
    expect(answer.index).toBe(expected.answer);
    expect(answer.score).toBeCloseTo(expected.probability, 5);
    expect(words.map(({ text }) => text)).toEqual(['a', 'bp', 'c', '?']);
    words.forEach(({ score }, i) =>
      expect(score).toBeCloseTo(
        (expected.words[i] ?? []).reduce((sum, at) => sum + (expected.relevance[at] as number), 0),
        4,
      ),
    );
    const page = join(folder, 'why.html');
    expect(await visualbert(['explain', ...asked, '--output', page])).toMatchObject({ code: 0, stdout: `${page}\n` });
    expect(readFileSync(page, 'utf8')).toContain('<h1>A bp, c?</h1>');
    const both = await visualbert(['explain', ...asked, '--output', page, '--json']);
    expect(JSON.parse(both.stdout)).toEqual({ ...(JSON.parse(stdout) as object), output: page });
    const text = await visualbert(['explain', ...asked, '--picture', join(folder, 'qa.npy'), '--output', page]);
    expect(text.stderr).toContain('expected a JPEG, PNG, WebP, GIF, AVIF or TIFF picture');
  });

  test.each([
    [
      ['explain', '--question', 'a', '--limit', '3', '--seed', '0'],
      '--limit, --seed: of no use for one question; give --evaluate or --heads, or leave it out',
    ],
    [
      ['explain', '--evaluate', '--method', 'rollout', '--output', 'a.html'],
      '--method, --output: of no use for many examples (--evaluate, --heads); leave it out',
    ],
    [
      ['explain', '--question', 'a', '--method', 'rollout', '--output', 'a.html'],
      '--method: of no use for a page, which has all of them; add --json for the numbers, or leave it out',
    ],
    [
      ['predict', '--output', 'a.json', '--image', '4', '--top', '2'],
      '--top, --image: of no use for a file of questions (--output); leave it out',
    ],
    [
      ['predict', '--question', 'a', '--shard', '1/2'],
      '--shard: of no use for one question; give --output FILE in place of the question, or leave it out',
    ],
    [
      ['predict', '--question', 'a', '--questions', 'q.json', '--max-regions', '3'],
      '--questions, --max-regions: of no use for one question; give --output FILE in place of the question, or leave it out',
    ],
    [
      ['explain', 'nlvr2', '--statement', 'a', '--data', 'dev.json'],
      '--data: of no use for one question; give --evaluate or --heads, or leave it out',
    ],
    [['explain', '--evaluate', '--heads'], '--evaluate, --heads: expected one of them, received both; leave out one'],
    [['explain', '--heads', '--seed', '1'], '--seed: of no use for --heads, which draws nothing; leave it out'],
    [
      ['explain', '--question', 'a', '--picture', 'a.jpg'],
      '--picture: of no use for numbers without a page; add --output FILE or --detector, or leave it out',
    ],
    [
      ['ground', '--sentence', 'a', '--phrase', 'a', '--picture', 'a.jpg', '--features', 'a.npy'],
      '--picture: of no use for region features; give --detector in place of --features, or leave it out',
    ],
    [
      [
        'ground',
        '--sentence',
        'a',
        '--phrase',
        'a',
        '--picture',
        'a',
        '--detector',
        'b',
        '--image',
        '4',
        '--backend',
        'cpu',
      ],
      '--image: of no use for a picture with a detector; leave it out',
    ],
    [
      ['serve', '--run', 'a', '--pictures', 'b', '--grid', '3'],
      '--pictures, --grid: of no use for a server without a store; give --features, or leave it out',
    ],
    [
      ['train', 'nlvr', '--max-restarts', '2'],
      '--max-restarts: of no use for one process; give --workers, or leave it out',
    ],
    [
      ['predict', '--question', 'a', '--backend', 'cpu'],
      'Give the region features of the image (--features); `visualbert ask` takes a picture instead.',
    ],
    [
      ['explain', '--question', 'a', '--backend', 'cpu'],
      'Give the region features of the image (--features), or a picture and a detector (--picture, --detector).',
    ],
    [
      ['data', 'stats', 'package.json', '--model', 'a', '--max-text-length', '9'],
      '--model, --max-text-length: of no use for this table, which has no warnings; add --json, or leave it out',
    ],
    [
      ['features', 'inspect', 'package.json', '--grid', '3', '--look', 'form'],
      '--grid, --look: of no use for features; give a folder of pictures, or leave it out',
    ],
    [
      ['features', 'inspect', 'configs', 'package.json', '--grid', '3'],
      '--grid: of no use for features; give a folder of pictures, or leave it out',
    ],
    [
      ['features', 'pack', 'package.json', '--cells', '3', '--output', 'a.vbf'],
      '--cells: of no use for features; give a folder of pictures, or leave it out',
    ],
    [
      ['score', 'vcr', 'package.json'],
      'Give the labelled annotations (--data FILE), or a file for the probabilities (--csv FILE).',
    ],
  ])('%j is refused', async (words, message) => {
    expect(await visualbert(words)).toMatchObject({ code: 1, stderr: `${message}\n` });
  });

  test.each([
    [['predict'], ['--choice', 'b'], '--choice: expected a model of visual-multiple-choice, received '],
    [['predict'], ['--object', 'person'], '--object: expected a model of visual-multiple-choice, received '],
    [['explain'], ['--phrase', 'a'], '--phrase: expected a model of phrase-grounding, received '],
    [['explain'], ['--pairs'], '--pairs belongs to --method leave-out, not to --method relevance'],
  ])('%j %j is refused for a question', async (words, more, message) => {
    const { flags } = fixture('qa');
    const refused = await visualbert([...words, ...flags, '--question', 'A bp, c?', ...more]);
    expect(refused).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining(message) });
  });

  test('ground gives the regions of each phrase', async () => {
    const { flags, expected } = fixture('grounding');
    const asked = [...flags, '--sentence', 'a bp c ds e', '--phrase', 'a bp', '--phrase', 'c ds'];
    const { stdout, code } = await visualbert(['ground', ...asked, '--top', '1', '--json']);
    expect(code).toBe(0);
    const { phrases } = JSON.parse(stdout) as {
      phrases: { phrase: string; regions: { index: number; score: number }[] }[];
    };
    expect(phrases.map(({ phrase }) => phrase)).toEqual(['a bp', 'c ds']);
    expect(phrases[1]?.regions).toEqual([{ index: expected.answer, score: expect.closeTo(expected.probability, 5) }]);
    const wrong = await visualbert(['predict', ...flags, '--question', 'a bp']);
    expect(wrong.stderr).toContain('use `visualbert ground`');
  });

  test('both take a picture, in which a detector finds the regions', async () => {
    await useBackend();
    const detector = await writeDetector(join(folder, 'detector'), 'mmf-x101');
    const picture = writePicture(join(folder, 'photo.png'), 90, 60);
    const config = { visualEmbeddingDim: 20 };
    const id2label = { 0: 'yes', 1: 'no' };
    const asked = await writeCheckpoint('VisualBertForQuestionAnswering', {
      task: 'vqa',
      config: { ...config, id2label },
    });
    const grounded = await writeCheckpoint('VisualBertForRegionToPhraseAlignment', { task: 'flickr', config });
    const seen = ['--backend', 'cpu', '--picture', picture, '--detector', detector];
    const why = await visualbert(['explain', ...seen, '--model', asked, '--question', 'What is it?', '--json']);
    const { images } = JSON.parse(why.stdout) as { images: { regions: object[] }[] };
    expect(images[0]?.regions).toHaveLength(12); // as many as the detector's settings ask for
    const phrases = ['--sentence', 'A red bus.', '--phrase', 'red'];
    const found = await visualbert(['ground', ...seen, '--model', grounded, ...phrases, '--json']);
    expect(JSON.parse(found.stdout)).toMatchObject({
      phrases: [{ phrase: 'red', regions: [{ box: expect.any(Array) }, {}, {}] }],
    });
    const both = await visualbert(['ground', ...seen, '--model', grounded, ...phrases, '--features', folder]);
    expect(both).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('Give either features (--features) or a detector'),
    });
    const none = await visualbert(['explain', '--model', asked, '--question', 'What is it?', '--detector', detector]);
    expect(none.stderr).toContain('Give the picture for the detector');
  });
});
