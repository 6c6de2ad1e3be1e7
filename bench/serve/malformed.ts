// Malformed requests for a server: broken JSON, wrong types, huge arrays, invalid numbers, slow bodies, closed sockets.
import { connect } from 'node:net';
import { RandomStream } from '../../examples/shapes/random-stream.js';

const WRONG: readonly unknown[] = [
  null,
  true,
  -1,
  1e308,
  '',
  'a',
  [],
  [[]],
  {},
  { image: 7 },
  [null],
  'é'.repeat(3000),
];
const RAW: readonly string[] = [
  '{"question": "a", "regions": {"features": [[NaN]]}}',
  '{"question": "a", "regions": {"features": [[1e999]]}}',
  '{"question": "a", "regions": {"features": [[1e39, 1]], "boxes": [[0, 0, 1e40, 1]]}}',
  '{"__proto__": {"question": "a"}}',
  '[',
  '',
  '\u0000',
];
/** Elements of a huge array: about 2 MB of text. */
const HUGE = 500_000;
const PATHS = ['/v1/answer', '/v1/explain', '/v1/regions', '/v1/ground', '/v1/images/..%2F..%2Fetc%2Fpasswd', '/%ff'];

/** Sends `count` malformed requests, `clients` at a time. @returns responses by status; 0 for closed connections */
export async function fuzz(url: string, count: number, clients: number): Promise<Map<number, number>> {
  const random = new RandomStream(7, 'malformed requests');
  const statuses = new Map<number, number>();
  let sent = 0;
  const client = async (): Promise<void> => {
    while (sent++ < count) {
      const status = await malformed(url, random, sent).catch(() => 0);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  return statuses;
}

async function malformed(url: string, random: RandomStream, i: number): Promise<number> {
  const below = (count: number): number => Math.floor(random.between(0, count));
  const pick = <T>(list: readonly T[]): T => list[below(list.length)] as T;
  if (i % 10 === 0) return closed(url, random.chance(0.5));
  const path = pick(PATHS);
  const object = { question: pick(WRONG), regions: pick(WRONG), topK: pick(WRONG), [`${i}`]: pick(WRONG) };
  const text = JSON.stringify(object);
  const isHuge = i % 50 === 1;
  const huge = (): string =>
    JSON.stringify({ question: Array(HUGE).fill(0), regions: { features: Array(HUGE).fill([]) } });
  const body = isHuge ? huge() : pick([text, text.slice(0, below(text.length)), pick(RAW)]);
  const headers = { 'content-type': pick(['application/json', 'application/json', 'text/plain']) };
  const response = await fetch(`${url}${path}`, path.includes('%') ? {} : { method: 'POST', headers, body });
  await response.arrayBuffer();
  return response.status;
}

/** A body of which a part is sent before the connection is closed, at once or after a while. */
function closed(url: string, isSlow: boolean): Promise<number> {
  return new Promise((resolve) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1', () => {
      socket.write(
        'POST /v1/answer HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{"',
      );
      setTimeout(() => socket.destroy(), isSlow ? 200 : 0);
    });
    socket.on('error', () => undefined).on('close', () => resolve(0));
  });
}
