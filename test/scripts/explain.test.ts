// `visualbert ground` and `visualbert explain`: the fixtures of explanations through the built commands.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, jest, test } from '@jest/globals';
import { npy } from '../helpers/numpy-files.js';
import { COMMAND, visualbert } from './command.js';

const isBuilt = existsSync(COMMAND);
if (!isBuilt) process.stderr.write(`skipped: ${COMMAND} is not built (npm run build)\n`);

const folder = mkdtempSync(join(tmpdir(), 'explain-command-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

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
    const text = await visualbert(['explain', ...asked, '--picture', join(folder, 'qa.npy'), '--output', page]);
    expect(text.stderr).toContain('expected a PNG, JPEG, WebP or GIF picture');
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
});
