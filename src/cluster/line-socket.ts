// JSON lines over a TCP connection. Input is untrusted: lines are bounded, and only objects are passed on.
import type { Socket } from 'node:net';

/** Messages hold shapes and settings, and are shorter than this, */
const LONGEST_LINE = 1 << 20;
/** except for the results of an evaluation batch, which workers send. */
const LONGEST_OF_WORKERS = 1 << 28;

/** Handlers of one connection. */
export interface LineHandlers {
  onMessage(message: Readonly<Record<string, unknown>>): void;
  /** Called once: at the end of the connection, for whatever reason. */
  onEnd(reason: string): void;
}

/** Sends objects as lines. */
export interface LineSocket {
  send(message: object): void;
  /** Takes longer lines from now on: the other end is a worker of this cluster. */
  trust(): void;
  /** Ends the connection once everything is sent. */
  end(): void;
}

/** Reads lines of a connection until it ends. */
export function readLines(socket: Socket, { onMessage, onEnd }: LineHandlers): LineSocket {
  let parts: string[] = []; // of the line that has begun
  let length = 0;
  let longest = LONGEST_LINE;
  let isEnded = false;
  const finish = (reason: string): void => {
    if (isEnded) return;
    isEnded = true;
    socket.destroy();
    onEnd(reason);
  };
  socket.setEncoding('utf8').setNoDelay(true);
  socket.on('data', (chunk: string) => {
    const [head = '', ...lines] = chunk.split('\n');
    parts.push(head);
    length += head.length;
    if (length > longest) return finish('it sent a line that is too long');
    if (lines.length === 0) return;
    const rest = lines.pop() ?? '';
    const whole = [parts.join(''), ...lines];
    [parts, length] = [[rest], rest.length];
    for (const line of whole) {
      const message = parseObject(line);
      if (message === null) return finish('it sent a line that is not a JSON object');
      if (!isEnded) onMessage(message);
    }
  });
  socket.on('error', (error) => finish(error.message));
  socket.on('close', () => finish('its connection ended'));
  return {
    send: (message) => void (isEnded || socket.write(`${JSON.stringify(message)}\n`)),
    trust: () => (longest = LONGEST_OF_WORKERS),
    end: () => void socket.end(),
  };
}

function parseObject(line: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
