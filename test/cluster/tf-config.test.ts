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

  test.each([
    ['no JSON', '{', /TF_CONFIG: expected/],
    ['a parameter server', text({ ps: ['a:1'], worker: ['b:1'] }, 'worker', 0), /Unrecognized key.*ps/],
    ['an address without a port', text({ worker: ['a'] }, 'worker', 0), /host:port/],
    ['a task that is not there', text({ worker: ['a:1'] }, 'worker', 1), /worker 1, which the cluster does not have/],
    ['one address twice', text({ worker: ['a:1', 'a:1'] }, 'worker', 0), /expected different addresses/],
  ])('refuses %s', (_, given, expected) => {
    expect(() => clusterFromTfConfig(given)).toThrow(expected);
  });
});
