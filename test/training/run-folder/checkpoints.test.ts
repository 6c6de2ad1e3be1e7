// Checkpoints are written atomically, checked when read, and never lost while they are replaced.
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { CheckpointStore, publishFiles } from '../../../src/training/run-folder/checkpoints.js';
import { temporaryFolder } from '../../helpers/files/temporary-folder.js';

interface State {
  loss: number;
}

/** A store with a checkpoint for each step given, whose only file is named as the step. */
async function storeWith(...steps: number[]): Promise<{ store: CheckpointStore<State>; root: string }> {
  const folder = temporaryFolder();
  const store = new CheckpointStore<State>(folder);
  for (const step of steps) await store.write(step, { loss: step / 3 }, fill(`weights of ${step}`));
  return { store, root: join(folder, 'checkpoints') };
}

const fill =
  (text: string) =>
  async (dir: string): Promise<void> =>
    writeFileSync(join(dir, 'weights'), text);

describe('CheckpointStore', () => {
  test.each([
    ['empty', ''],
    ['null', 'null'],
    ['a list', '[]'],
    ['a number', '5'],
    ['no state and no files', '{"format":1}'],
    ['nothing in its state', '{"format":1,"step":9,"files":{},"state":{}}'],
    ['names as deep as memory', '['.repeat(1e5)],
  ])('sets a checkpoint aside whose manifest is %s, and takes the one before', async (_, text) => {
    const { store, root } = await storeWith(8, 9);
    writeFileSync(join(store.dirOf(9), 'checkpoint.json'), text);
    const lines: string[] = [];
    expect(await store.newest((line) => lines.push(line))).toMatchObject({ step: 8, state: { loss: 8 / 3 } });
    expect(lines).toEqual([
      expect.stringMatching(/step-00000009: checkpoint.json .*; going back to an older checkpoint$/),
    ]);
    expect(readdirSync(root)).toEqual([expect.stringMatching(/^damaged-step-00000009-/), 'step-00000008']);
  });

  test('notices one changed digit of what the trainer noted', async () => {
    const { store } = await storeWith(1);
    const path = join(store.dirOf(1), 'checkpoint.json');
    writeFileSync(path, readFileSync(path, 'utf8').replace('0.333', '0.334'));
    await expect(store.newest(() => undefined)).rejects.toThrow(/every checkpoint is damaged/);
  });

  test('notices a checkpoint under the name of another step', async () => {
    const { store } = await storeWith(1, 2);
    rmSync(store.dirOf(2), { recursive: true });
    renameSync(store.dirOf(1), store.dirOf(2));
    expect(await store.problemOf(2)).toMatch(/step-00000002: it was written after step 1/);
  });

  test('brings a checkpoint back that a killed process was about to replace', async () => {
    const { store, root } = await storeWith(4);
    renameSync(store.dirOf(4), join(root, '.replaced-step-00000004'));
    await store.clean();
    expect(await store.problemOf(4)).toBeNull();
    await store.write(4, { loss: 0 }, fill('other weights'));
    expect(readFileSync(join(store.dirOf(4), 'weights'), 'utf8')).toBe('other weights');
    expect(readdirSync(root)).toEqual(['step-00000004']);
  });

  test('keeps the older checkpoint of the same step when its successor cannot be written', async () => {
    const { store, root } = await storeWith(4);
    const failing = store.write(4, { loss: 0 }, () => Promise.reject(new Error('ENOSPC')));
    await expect(failing).rejects.toThrow(/could not be written \(ENOSPC\); .*step-00000004 is intact/);
    expect(await store.problemOf(4)).toBeNull();
    expect(readdirSync(root)).toEqual(['step-00000004']);
    expect(existsSync(store.dirOf(5))).toBe(false);
  });
});

test('publishing the same files again leaves nothing beside them', async () => {
  const [from, to] = [temporaryFolder(), temporaryFolder()];
  writeFileSync(join(from, 'model.safetensors'), 'weights');
  for (let i = 0; i < 2; i++) await publishFiles(from, to, ['model.safetensors']);
  expect(readdirSync(to)).toEqual(['model.safetensors']);
});
