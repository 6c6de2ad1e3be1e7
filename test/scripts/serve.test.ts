// `visualbert serve` as a process: prints its address, answers, requires a token for public addresses, and ends on SIGTERM.
import { existsSync } from 'node:fs';
import { request } from 'node:http';
import { describe, expect, jest, test } from '@jest/globals';
import { COMMAND, repeat, visualbert } from '../helpers/command-line/command.js';

const isBuilt = existsSync(COMMAND);
if (!isBuilt) process.stderr.write(`skipped: ${COMMAND} is not built (npm run build)\n`);

const MODEL = ['serve', '--backend', 'cpu', '--model', 'test/fixtures/explanations/qa', '--port', '0'];

(isBuilt ? describe : describe.skip)('visualbert serve', () => {
  jest.setTimeout(120_000); // processes, on machines that may be busy

  test('answers until SIGTERM, and ends with 0', async () => {
    let answer: Promise<Response> | undefined;
    let output = '';
    const { code, stdout, stderr } = await visualbert(MODEL, 'Server listening at ', (child) => {
      const ask = async (): Promise<Response> => {
        const url = /visual-question-answering at (\S+)/.exec(output)?.[1] ?? '';
        const regions = { features: [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]] };
        const response = await fetch(`${url}/v1/answer`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ question: 'a', regions }),
        });
        child.kill('SIGTERM');
        return response;
      };
      child.stdout?.on('data', (text: Buffer) => {
        output += text.toString();
        answer ??= ask();
      });
    });
    expect((await answer)?.status).toBe(200);
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^visual-question-answering at http:\/\/127\.0\.0\.1:\d+\n$/),
    });
    for (const line of stderr.trim().split('\n')) expect(JSON.parse(line)).toMatchObject({ level: 30 });
  });

  test('answers what it has begun at a SIGTERM that arrives several times', async () => {
    let status: Promise<number | undefined> | undefined;
    let output = '';
    const ended = await visualbert(MODEL, 'Server listening at ', (child) => {
      const ask = (url: string): Promise<number | undefined> =>
        new Promise((resolve, reject) => {
          const body = JSON.stringify({ question: 'a', regions: { features: [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]] } });
          const headers = { 'content-type': 'application/json', 'content-length': body.length, expect: '100-continue' };
          const asked = request(`${url}/v1/answer`, { method: 'POST', headers }, (response) => {
            response.resume();
            resolve(response.statusCode);
          });
          asked.on('error', reject);
          asked.flushHeaders();
          asked.once('continue', () => {
            repeat(child, 'SIGTERM');
            setTimeout(() => asked.end(body), 200); // after the last signal
          });
        });
      child.stdout?.on('data', (text: Buffer) => {
        output += text.toString();
        status ??= ask(/visual-question-answering at (\S+)/.exec(output)?.[1] ?? '');
      });
    });
    expect(await status).toBe(200);
    expect(ended).toMatchObject({ code: 0, signal: null, stderr: expect.not.stringContaining('before its end') });
  });

  test('wants a token on an address that others reach', async () => {
    const refused = await visualbert([...MODEL, '--host', '0.0.0.0']);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toContain('requests need a token');
    await visualbert([...MODEL, '--host', '0.0.0.0', '--no-token'], 'Server listening at ', (child) =>
      child.kill('SIGTERM'),
    ).then(({ stderr }) => expect(stderr).toContain('--no-token: every request to 0.0.0.0 is answered'));
  });
});
