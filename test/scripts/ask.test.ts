// `visualbert ask` on pictures.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { beforeAll, describe, expect, jest, test } from '@jest/globals';
import { useBackend } from '../helpers/backend.js';
import { writeCheckpoint } from '../helpers/models/pipeline-models.js';
import { writeDetector, writePicture } from '../helpers/models/small-detector.js';
import { COMMAND, visualbert } from '../helpers/command-line/command.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

const isBuilt = existsSync(COMMAND);
if (!isBuilt) process.stderr.write(`skipped: ${COMMAND} is not built (npm run build)\n`);

(isBuilt ? describe : describe.skip)('visualbert ask', () => {
  jest.setTimeout(120_000);
  const root = temporaryFolder();
  const picture = writePicture(join(root, 'photo.png'), 90, 60);
  const detector = join(root, 'detector');
  const written: string[] = [];

  beforeAll(async () => {
    await useBackend();
    await writeDetector(detector, 'mmf-x101');
    const config = { visualEmbeddingDim: 20 };
    const id2label = { 0: 'yes', 1: 'no', 2: 'red' };
    written.push(
      await writeCheckpoint('VisualBertForQuestionAnswering', { task: 'vqa', config: { ...config, id2label } }),
      await writeCheckpoint('VisualBertForVisualReasoning', { task: 'nlvr2', config }),
    );
  });

  const ask = (...args: string[]): ReturnType<typeof visualbert> =>
    visualbert(['ask', ...args, '--detector', detector, '--backend', 'cpu']);

  test('prints answers with their shares, and whether the model was trained with such regions', async () => {
    const { code, stdout } = await ask(picture, 'What color is it?', '--model', written[0] as string, '--top-k', '2');
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^ *[\d.]+% {2}(?:yes|no|red)\n *[\d.]+% {2}(?:yes|no|red)\nin distribution: unknown \(.*\)\n$/,
    );
  });

  test('asks about a pair, and gives the same as JSON', async () => {
    const { code, stdout } = await ask(picture, picture, 'Both are red.', '--run', written[1] as string, '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      question: 'Both are red.',
      pictures: [picture, picture],
      answers: [{ score: expect.any(Number) }, { score: expect.any(Number) }],
      detector: { name: 'mmf-x101' },
      trainedWith: null,
      inDistribution: null,
    });
  });

  test('takes a picture whose name begins with a dash after --', async () => {
    const dashed = writePicture(join(root, '-dash.png'), 90, 60);
    const flags = ['--model', written[0] as string, '--detector', detector, '--backend', 'cpu', '--top-k', '1'];
    const words = [resolve(COMMAND), 'ask', ...flags, '--', basename(dashed), 'What?'];
    const { status, stdout, stderr } = spawnSync(process.execPath, words, { cwd: root, encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' }); // no progress without a terminal
    expect(stdout).toMatch(/^ *[\d.]+% {2}(?:yes|no|red)\n/);
  });

  test('reports what is missing in one line', async () => {
    expect(await ask('What is it?', '--model', written[0] as string)).toMatchObject({
      code: 1,
      stdout: '',
      stderr: 'Give a picture and a question: visualbert ask photo.jpg "What is the man riding?"\n',
    });
    const unquoted = await ask(picture, 'Is', 'there', 'a', 'red', 'circle?', '--model', written[0] as string);
    expect(unquoted).toMatchObject({
      code: 1,
      stderr: `Put the question in quotes: visualbert ask ${picture} "Is there a red circle?"\n`,
    });
    const absent = await ask(join(root, 'absent.jpg'), 'What is it?', '--model', written[0] as string);
    expect(absent).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/absent\.jpg: expected a picture: .*\n$/),
    });
  });
});
