// Which hosts count as this machine alone: what a server or a coordinator admits without further checks.
import { describe, expect, test } from '@jest/globals';
import { isLoopback } from '../../src/platform/loopback.js';

describe('isLoopback', () => {
  test.each(['localhost', '127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1'])('accepts %s', (host) => {
    expect(isLoopback(host)).toBe(true);
  });

  test.each(['', '0.0.0.0', '128.0.0.1', '::', '::ffff:10.0.0.1', '127.evil.example', 'localhost.evil.example'])(
    'refuses %j',
    (host) => {
      expect(isLoopback(host)).toBe(false);
    },
  );
});
