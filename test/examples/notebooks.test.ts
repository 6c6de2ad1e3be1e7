// The two notebooks as programs, with a small detector and small checkpoints of random weights.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, jest, test } from '@jest/globals';
import { useBackend } from '../helpers/backend.js';
import { writeCheckpoint } from '../helpers/models/pipeline-models.js';
import { writeDetector, writePicture } from '../helpers/models/small-detector.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

const FOLDER = join('dist', 'examples', 'notebooks');
const isBuilt = existsSync(FOLDER);
if (!isBuilt) process.stderr.write(`skipped: ${FOLDER} is not built (npm run build)\n`);

(isBuilt ? describe : describe.skip)('the notebooks', () => {
  jest.setTimeout(120_000);
  const root = temporaryFolder();
  const pictures = [writePicture(join(root, 'left.png'), 90, 60), writePicture(join(root, 'right.png'), 50, 70)];
  const checkpoints: string[] = [];
  const DETECTOR = join(root, 'detector');

  beforeAll(async () => {
    await useBackend();
    await writeDetector(DETECTOR, 'mmf-x101');
    const config = { visualEmbeddingDim: 20 };
    const id2label = { 0: 'yes', 1: 'no', 2: 'red' };
    checkpoints.push(
      await writeCheckpoint('VisualBertForQuestionAnswering', { task: 'vqa', config: { ...config, id2label } }),
      await writeCheckpoint('VisualBertModel', { config }),
    );
  });

  function run(name: string, MODEL: string, ...args: string[]): string[] {
    const env = { ...process.env, DETECTOR, MODEL };
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(FOLDER, name), ...args], {
      env,
      encoding: 'utf8',
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    return stdout.trimEnd().split('\n');
  }

  test('VQA demo: regions, then answers to each question', () => {
    const lines = run('vqa-demo.js', checkpoints[0] as string, pictures[0] as string, 'What is it?', 'Is it red?');
    expect(lines).toHaveLength(6);
    expect(lines[0]).toBe(`${pictures[0]}: 12 regions, feature width 20`);
    expect(lines[1]).toMatch(/^ {2}class \d, score 0\.\d\d, box \d+ \d+ \d+ \d+$/);
    expect(lines[4]).toMatch(/^What is it\? (?:yes|no|red) \([\d.]+%\), /);
    expect(lines[5]).toMatch(/^Is it red\? /);
  });

  test.each([
    ['vqa-demo.js', 'mmf-x101', [pictures[0] as string]],
    ['embeddings.js', 'detectron1-r101-fpn', ['a dog', ...pictures]],
  ])('%s ends with one line about a failed download', (name, detector, args) => {
    const env = { ...process.env, HF_HUB_OFFLINE: '1', VISUALBERT_CACHE: join(root, 'empty') };
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(FOLDER, name), ...args], {
      env,
      encoding: 'utf8',
    });
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(
      new RegExp(
        `^detector ${detector}: its weights are not in .* could not be downloaded \\(https:.*\\)\\. On a machine .*\n$`,
      ),
    );
    expect(stderr.split('https:')).toHaveLength(2);
  });

  test('Generate Embeddings: visual embeddings of each picture, then hidden states', () => {
    const lines = run('embeddings.js', checkpoints[1] as string, 'the small dog', ...pictures);
    expect(lines).toEqual([
      ...pictures.map((picture) => `${picture}: visual embeddings [12, 20]`),
      'hidden states [2, 17, 12]: text first, then regions',
      'pooled [2, 12]',
    ]);
  });
});
