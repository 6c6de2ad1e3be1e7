// Calls that run at the same time, and the end that waits for them.
import { expect, test } from '@jest/globals';
import { RunningCalls } from '../../src/calls/running-calls.js';

const closed = (): Error => new Error('closed');
const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

/** A call that ends when it is told to. */
function call(): { run: () => Promise<string>; finish: (error?: Error) => void } {
  let finish: (error?: Error) => void = () => undefined;
  const settled = new Promise<string>((resolve, reject) => {
    finish = (error) => (error === undefined ? resolve('done') : reject(error));
  });
  return { run: () => settled, finish: (error) => finish(error) };
}

test('the end waits for all calls, also for those that fail, and rejects later ones', async () => {
  const calls = new RunningCalls(closed);
  const [first, second] = [call(), call()];
  const results = Promise.allSettled([calls.run(first.run), calls.run(second.run)]);
  const notes: string[] = [];
  const ended = calls.end(async () => void notes.push('freed'));
  await expect(calls.run(call().run)).rejects.toThrow('closed');
  second.finish(new Error('failed'));
  await turn();
  expect(notes).toEqual([]);
  first.finish();
  await ended;
  expect(calls.end(async () => void notes.push('again'))).toBe(ended);
  expect(notes).toEqual(['freed']);
  expect((await results).map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
});

test('calls are accepted again when freeing fails', async () => {
  const calls = new RunningCalls(closed);
  const fail = async (): Promise<void> => {
    throw new Error('busy');
  };
  await expect(calls.end(fail)).rejects.toThrow('busy');
  expect(await calls.run(async () => 1)).toBe(1);
});

test('a stream that is being read is waited for, one that is not ends with the error', async () => {
  const calls = new RunningCalls(closed);
  const slow = call();
  const notes: string[] = [];
  async function* results(name: string): AsyncGenerator<string> {
    try {
      yield `${name} 0`;
      yield await slow.run();
      yield `${name} 2`;
    } finally {
      notes.push(`${name} ended`);
    }
  }
  const [read, left, early] = ['read', 'left', 'early'].map((name) => calls.each(results(name)));
  for (const stream of [read, left, early]) await stream?.next();
  await early?.return(undefined);
  expect(notes).toEqual(['early ended']);
  const pending = read?.next();
  const ended = calls.end(async () => void notes.push('freed'));
  await turn();
  expect(notes).toEqual(['early ended']);
  slow.finish();
  expect(await pending).toEqual({ value: 'done', done: false });
  await ended;
  for (const stream of [read, left]) await expect(stream?.next()).rejects.toThrow('closed');
  expect(notes).toEqual(['early ended', 'freed', 'read ended', 'left ended']);
});
