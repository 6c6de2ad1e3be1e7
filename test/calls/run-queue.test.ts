// The queue of a session's runs, and of a training step's calls.
import { expect, test } from '@jest/globals';
import { RunQueue } from '../../src/calls/run-queue.js';

const closed = (): Error => new Error('closed');

/** A job that notes its start and its end. */
function job(notes: string[], name: string, ms: number, fails = false): () => Promise<string> {
  return async () => {
    notes.push(`${name} starts`);
    await new Promise((resolve) => setTimeout(resolve, ms));
    notes.push(`${name} ends`);
    if (fails) throw new Error(name);
    return name;
  };
}

test('jobs run one after the other in the order of the calls, and one that fails does not stop the next', async () => {
  const notes: string[] = [];
  const queue = new RunQueue({ closed, beforeEach: () => notes.push('before') });
  const calls = [
    queue.add(job(notes, 'slow', 20)),
    queue.add(job(notes, 'failing', 5, true)),
    queue.add(job(notes, 'quick', 0)),
  ];
  expect(notes).toEqual(['before', 'slow starts']); // at once
  expect(queue.isEmpty).toBe(false);
  expect((await Promise.allSettled(calls)).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(notes.filter((note) => note !== 'before')).toEqual(
    ['slow', 'failing', 'quick'].flatMap((name) => [`${name} starts`, `${name} ends`]),
  );
  expect(queue.isEmpty).toBe(true);
});

test('the last job closes the queue, unless it fails', async () => {
  const notes: string[] = [];
  const queue = new RunQueue({ closed });
  const fail = async (): Promise<void> => {
    throw new Error('stays open');
  };
  await expect(queue.end(fail)).rejects.toThrow('stays open');
  const [last, ended] = [queue.add(job(notes, 'last', 5)), queue.end(async () => undefined)];
  await expect(queue.add(job(notes, 'late', 0))).rejects.toThrow('closed');
  expect(await last).toBe('last');
  await ended;
  expect(queue.end(fail)).toBe(ended);
  expect(notes).toEqual(['last starts', 'last ends']);
});
