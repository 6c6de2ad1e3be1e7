// `visualbert features extract`, killed again and again: no picture is lost or stored twice.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, describe, expect, jest, test } from '@jest/globals';
import { writeDetector, writePicture } from '../helpers/models/small-detector.js';
import { COMMAND, repeat, visualbert } from '../helpers/command-line/command.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

const isBuilt = existsSync(COMMAND);
if (!isBuilt) process.stderr.write(`skipped: ${COMMAND} is not built (npm run build)\n`);

const PICTURES = 24;
/** Images in the journal at which a start is killed. */
const KILLS = [1, 5, 6, 13, 20];

(isBuilt ? describe : describe.skip)('visualbert features extract', () => {
  jest.setTimeout(240_000);
  const root = temporaryFolder();
  const [pictures, detector] = [join(root, 'pictures'), join(root, 'detector')];
  const args = (output: string): string[] => [
    ...['features', 'extract', pictures, '--detector', detector, '--output', output, '--backend', 'cpu'],
  ];

  beforeAll(async () => {
    mkdirSync(pictures);
    for (let i = 0; i < PICTURES; i++) writePicture(join(pictures, `${i}.png`), 50 + i, 90 - i);
    await writeDetector(detector, 'mmf-x101');
  });

  /** Starts the command and kills it with SIGKILL once the journal has so many images. */
  function killedAt(output: string, images: number): Promise<NodeJS.Signals | null> {
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [COMMAND, ...args(output)], {
        env: { ...process.env, VISUALBERT_BACKEND: '' },
      });
      const journal = `${output}.part.jsonl`;
      const poll = setInterval(() => {
        const lines = existsSync(journal) ? readFileSync(journal, 'utf8').split('\n').length - 2 : 0;
        if (lines >= images) child.kill('SIGKILL');
      }, 1);
      child.on('error', reject);
      child.on('close', (_, signal) => {
        clearInterval(poll);
        resolve(signal);
      });
    });
  }

  test('goes on after every kill, to the store of an undisturbed run', async () => {
    const [whole, killed] = [join(root, 'whole.vbf'), join(root, 'killed.vbf')];
    const undisturbed = await visualbert(args(whole));
    expect(undisturbed).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^24 images, feature width 20, regions of mmf-x101 .*\nwritten to /),
    });
    for (const images of KILLS) expect(await killedAt(killed, images)).toBe('SIGKILL');
    const last = await visualbert([...args(killed), '--json']);
    const { images, earlier } = JSON.parse(last.stdout) as { images: number; earlier: number };
    expect({ code: last.code, images, isResumed: earlier >= 20 }).toEqual({
      code: 0,
      images: PICTURES,
      isResumed: true,
    });
    expect(readFileSync(killed).equals(readFileSync(whole))).toBe(true);
    const inspected = await visualbert(['features', 'inspect', killed, '--all']);
    expect(inspected).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('24 images, feature width 20, regions of mmf-x101'),
    });
  });

  test('says whose regions a folder of pictures has, and a store that is packed from it', async () => {
    const [boxed, packed] = [join(root, 'boxed'), join(root, 'boxed.vbf')];
    mkdirSync(boxed);
    writePicture(join(boxed, '1.png'), 60, 40);
    const pack = ['features', 'pack', boxed, '--cells', '2', '--look', 'colors', '--output', packed];
    const inspected = async (path: string, ...flags: string[]): Promise<string | undefined> =>
      (await visualbert(['features', 'inspect', path, ...flags])).stdout.split('\n')[1];
    expect(await inspected(boxed, '--cells', '2')).toMatch(/^1 image, feature width \d+$/); // a grid: no detector
    writeFileSync(join(boxed, 'boxes.json'), '{"1": [[4, 4, 20, 20]]}');
    expect(await visualbert(pack)).toMatchObject({ code: 0 });
    expect(await inspected(packed)).toMatch(
      /^1 image, feature width \d+, regions of given boxes, with pixel features \(colors, 2 x 2 cells\)$/,
    );
  });

  test('stops at Ctrl-C, which may arrive several times, after the current pictures, and prints how to resume', async () => {
    const output = join(root, 'stopped.vbf');
    const code = new Promise<{ code: number | null; text: string }>((resolve) => {
      const child = spawn(process.execPath, [COMMAND, ...args(output)], {
        env: { ...process.env, VISUALBERT_BACKEND: '' },
      });
      let text = '';
      child.stderr.on('data', (data: Buffer) => (text += data.toString()));
      const poll = setInterval(() => {
        if (!existsSync(`${output}.part.jsonl`) || readFileSync(`${output}.part.jsonl`, 'utf8').split('\n').length < 4)
          return;
        clearInterval(poll);
        repeat(child, 'SIGINT');
      }, 1);
      child.on('close', (status) => resolve({ code: status, text }));
    });
    expect(await code).toMatchObject({
      code: 130,
      text: expect.stringContaining('run the same command again to continue'),
    });
    expect(await visualbert(args(output))).toMatchObject({ code: 0 });
  });
});
