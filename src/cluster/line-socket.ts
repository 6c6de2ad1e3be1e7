// JSON lines over a TCP connection. Input is untrusted: lines are bounded, and only objects are passed on.
import type { Socket } from 'node:net';

/** Messages hold shapes and settings, and are shorter than this. */
const LONGEST_LINE = 1 << 20;

/** Handlers of one connection. */
export interface LineHandlers {
  onMessage(message: Readonly<Record<string, unknown>>): void;
  /** Called once: at the end of the connection, for whatever reason. */
  onEnd(reason: string): void;
}

/** Sends objects as lines. */
export interface LineSocket {
  send(message: object): void;
  /** Ends the connection once everything is sent. */
  end(): void;
}

/** Reads lines of a connection until it ends. */
export function readLines(socket: Socket, { onMessage, onEnd }: LineHandlers): LineSocket {
  let rest = '';
  let isEnded = false;
  const finish = (reason: string): void => {
    if (isEnded) return;
    isEnded = true;
    socket.destroy();
    onEnd(reason);
  };
  socket.setEncoding('utf8').setNoDelay(true);
  socket.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > LONGEST_LINE) return finish('it sent a line that is too long');
    for (const line of lines) {
      const message = parseObject(line);
      if (message === null) return finish('it sent a line that is not a JSON object');
      if (!isEnded) onMessage(message);
    }
  });
  socket.on('error', (error) => finish(error.message));
  socket.on('close', () => finish('its connection ended'));
  return {
    send: (message) => void (isEnded || socket.write(`${JSON.stringify(message)}\n`)),
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
