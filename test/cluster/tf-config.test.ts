// TF_CONFIG as Kubeflow and TensorFlow write it.
import { describe, expect, test } from '@jest/globals';
import { clusterFromTfConfig } from '../../src/cluster/tf-config.js';

const text = (cluster: object, type: string, index: number): string =>
  JSON.stringify({ cluster, task: { type, index }, environment: 'cloud' });

describe('clusterFromTfConfig', () => {
  test('numbers the chief first, then the workers', () => {
    const cluster = { chief: ['c:2222'], worker: ['a:2222', 'b:2222'] };
    const addresses = ['c:2222', 'a:2222', 'b:2222'];
    expect(clusterFromTfConfig(text(cluster, 'chief', 0))).toEqual({ addresses, worker: 0 });
    expect(clusterFromTfConfig(text(cluster, 'worker', 1))).toEqual({ addresses, worker: 2 });
  });

  test('takes an index given as text', () => {
    const config = JSON.stringify({ cluster: { worker: ['a:1', 'b:65535'] }, task: { type: 'worker', index: '1' } });
    expect(clusterFromTfConfig(config)).toEqual({ addresses: ['a:1', 'b:65535'], worker: 1 });
  });

  test.each([
    ['no JSON', '{', /TF_CONFIG: expected .*: is not JSON \(/],
    ['a parameter server', text({ ps: ['a:1'], worker: ['b:1'] }, 'worker', 0), /parameter servers are not supported/],
    ['the task of one', text({ worker: ['b:1'] }, 'ps', 0), /parameter servers are not supported.*leave out "ps"/],
    ['an evaluator', text({ worker: ['b:1'], evaluator: ['a:1'] }, 'worker', 0), /evaluators are not supported/],
    ['the task of an evaluator', text({ worker: ['b:1'] }, 'evaluator', 0), /evaluators are not supported/],
    [
      'another kind of task',
      text({ worker: ['b:1'] }, 'master', 0),
      /task.type: expected one of chief, worker, received "master"$/,
    ],
    [
      'an index that is no number',
      text({ worker: ['b:1'] }, 'worker', -1),
      /task.index: expected a number of at least 0, received -1$/,
    ],
    [
      'a port out of range',
      text({ worker: ['a:1', 'b:99999'] }, 'worker', 0),
      /b:99999: .* 1 to 65535, received 99999/,
    ],
    ['port 0', text({ worker: ['a:0'] }, 'worker', 0), /a:0: expected a port from 1/],
    [
      'a port of worker 0 without one after it',
      text({ worker: ['a:65535', 'b:1'] }, 'worker', 1),
      /a:65535: expected a port from 1 to 65534 \(worker 0 also uses the one after it\)/,
    ],
    [
      'an address without a port',
      text({ worker: ['a'] }, 'worker', 0),
      /cluster.worker.0: expected host:port, received "a"$/,
    ],
    ['a task that is not there', text({ worker: ['a:1'] }, 'worker', 1), /worker 1, which the cluster does not have/],
    ['one address twice', text({ worker: ['a:1', 'a:1'] }, 'worker', 0), /expected different addresses/],
  ])('refuses %s', (_, given, expected) => {
    expect(() => clusterFromTfConfig(given)).toThrow(expected);
  });
});
