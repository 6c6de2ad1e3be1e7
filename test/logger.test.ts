// The replaceable logger: each warning once.
import { afterEach, expect, test } from '@jest/globals';
import { info, setLogger, warnOnce } from '../src/logger.js';

afterEach(() => setLogger(null));

test('gives each warning once to a logger, and again to the next one', () => {
  const lines: string[] = [];
  const logger = {
    info: (message: string): void => void lines.push(`info ${message}`),
    warn: (message: string): void => void lines.push(`warn ${message}`),
  };
  setLogger(logger);
  warnOnce('a');
  warnOnce('a');
  warnOnce('b');
  info('a');
  expect(lines).toEqual(['warn a', 'warn b', 'info a']);
  setLogger(logger);
  warnOnce('a');
  expect(lines).toEqual(['warn a', 'warn b', 'info a', 'warn a']);
});
