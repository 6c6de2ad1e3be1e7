// The queue of requests: batches, limits, and cancelled requests.
import { describe, expect, test } from '@jest/globals';
import type { PipelineExample } from '../../src/pipelines/example.js';
import type { ExampleOutputs } from '../../src/pipelines/head.js';
import { ModelQueue, type QueueOptions } from '../../src/serve/queue.js';

/** An example of a number of choices, known by its text. */
function example(name: string, choices = 1): PipelineExample {
  const sequence = { text: { ids: [1], typeIds: [0] }, regions: [] };
  return { sequences: Array.from({ length: choices }, () => sequence), labels: [name] };
}

/** A queue over a model that runs until it is released, and what it ran. */
function queueOf(options: Partial<QueueOptions> = {}): {
  queue: ModelQueue;
  batches: string[][];
  release: () => void;
} {
  const batches: string[][] = [];
  let release = (): void => undefined;
  const run = async (examples: readonly PipelineExample[]): Promise<ExampleOutputs[]> => {
    batches.push(examples.map(({ labels: [name = ''] }) => name));
    await new Promise<void>((resolve) => (release = resolve));
    if (examples.some(({ labels }) => labels[0] === 'bad')) throw new Error('bad');
    return examples.map((one, row) => ({ example: one, outputs: {}, row, textLength: 1 }));
  };
  const queue = new ModelQueue(run, { batchSize: 3, waiting: 8, seconds: 30, ...options });
  return { queue, batches, release: () => release() };
}

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

describe('the queue before the model', () => {
  test('joins requests that arrive while a batch runs, in their order, and gives each its own result', async () => {
    const { queue, batches, release } = queueOf();
    const first = queue.example(example('a'));
    await turn();
    const others = ['b', 'c', 'd', 'e'].map((name) => queue.example(example(name)));
    expect(queue.waiting).toBe(4);
    for (let i = 0; i < 3; i++) {
      release();
      await turn();
    }
    const results = await Promise.all([first, ...others]);
    expect(batches).toEqual([['a'], ['b', 'c', 'd'], ['e']]);
    expect(results.map(({ example: { labels }, row }) => [labels[0], row])).toEqual([
      ['a', 0],
      ['b', 0],
      ['c', 1],
      ['d', 2],
      ['e', 0],
    ]);
    await queue.close();
  });

  test('starts the next batch before it gives the results of one', async () => {
    const events: string[] = [];
    const run = async (examples: readonly PipelineExample[]): Promise<ExampleOutputs[]> => {
      events.push(`run ${examples.map(({ labels }) => labels[0]).join(' ')}`);
      await turn();
      return examples.map((one, row) => ({ example: one, outputs: {}, row, textLength: 1 }));
    };
    const queue = new ModelQueue(run, { batchSize: 2, waiting: 8, seconds: 30 });
    const asked = ['a', 'b', 'c', 'd', 'e'].map((name) => queue.example(example(name)).then(() => events.push(name)));
    await Promise.all(asked);
    expect(events).toEqual(['run a b', 'run c d', 'a', 'b', 'run e', 'c', 'd', 'e']);
    await queue.close();
  });

  test('puts examples with as many choices together, and runs other work alone in its turn', async () => {
    const { queue, batches, release } = queueOf();
    const running = [
      queue.example(example('two', 2)),
      queue.example(example('four', 4)),
      queue.alone(async () => batches.push(['alone'])),
      queue.example(example('also two', 2)),
    ];
    for (let i = 0; i < 4; i++) {
      await turn();
      release();
    }
    await Promise.all(running);
    expect(batches).toEqual([['two', 'also two'], ['four'], ['alone']]);
  });

  test('refuses with 503 and a time to come back when as many wait as may', async () => {
    const { queue, release } = queueOf({ waiting: 2 });
    const running = queue.example(example('a'));
    await turn();
    const waiting = [queue.example(example('b')), queue.example(example('c'))];
    expect(queue.isFull).toBe(true);
    await expect(queue.example(example('d'))).rejects.toMatchObject({
      statusCode: 503,
      retryAfter: 1,
      message: 'busy: 2 requests already waiting for the model; try again later',
    });
    release();
    await turn();
    release();
    await Promise.all([running, ...waiting]);
  });

  test('refuses what has waited too long, and forgets whose client is gone', async () => {
    const { queue, batches, release } = queueOf({ seconds: 0.02 });
    const running = queue.example(example('a'));
    await turn();
    const late = expect(queue.example(example('late'))).rejects.toMatchObject({ statusCode: 503 });
    const controller = new AbortController();
    const gone = expect(queue.example(example('gone'), controller.signal)).rejects.toMatchObject({ statusCode: 499 });
    controller.abort();
    await gone;
    await late;
    release();
    await running;
    await queue.close();
    expect(batches).toEqual([['a']]);
  });

  test('runs the examples of a batch that fails one by one: only the one at fault fails', async () => {
    const { queue, batches, release } = queueOf();
    const good = queue.example(example('good'));
    const bad = expect(queue.example(example('bad'))).rejects.toThrow('bad');
    for (let i = 0; i < 3; i++) {
      await turn();
      release();
    }
    await bad;
    expect((await good).example.labels).toEqual(['good']);
    expect(batches).toEqual([['good', 'bad'], ['good'], ['bad']]);
  });

  test('finishes what it has when it is closed, and refuses what comes later', async () => {
    const { queue, release } = queueOf();
    const first = queue.example(example('a'));
    await turn();
    const second = queue.example(example('b'));
    const closed = queue.close();
    await expect(queue.example(example('c'))).rejects.toMatchObject({
      statusCode: 503,
      message: 'the server is stopping',
    });
    for (let i = 0; i < 2; i++) {
      release();
      await turn();
    }
    await closed;
    expect((await Promise.all([first, second])).map(({ example: { labels } }) => labels[0])).toEqual(['a', 'b']);
  });
});
