// SIGINT and SIGTERM ask for a stop: of a run, an extraction, a server. A second one, later, ends the process as usual.
import { requireKinds } from '../options.js';

/** A request to stop, and who listens for it. */
export interface StopSignals {
  /** The signal received, if any. */
  readonly received: NodeJS.Signals | null;
  /** Stops listening: the signals then end the process as usual. */
  release(): void;
}

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** One request often arrives twice: `timeout`, shells and npm signal the process and its group. */
const SAME_REQUEST_MS = 1000;

/**
 * Listens for SIGINT and SIGTERM until `release`. A signal that comes within a second of the first is the same request; a later one ends the process.
 * @param onSignal called once, at the first signal.
 * @example
 * const stop = listenForStop((signal) => console.log(`${signal}: stopping after this picture`));
 * // work, as long as stop.received is null
 * stop.release();
 */
export function listenForStop(onSignal: (signal: NodeJS.Signals) => void): StopSignals {
  requireKinds('listenForStop', { 'a function': { onSignal } });
  let received: NodeJS.Signals | null = null;
  let receivedAt = 0;
  const release = (): void => SIGNALS.forEach((signal) => void process.off(signal, listener));
  const listener = (signal: NodeJS.Signals): void => {
    if (received === null) {
      [received, receivedAt] = [signal, performance.now()];
      onSignal(signal);
    } else if (performance.now() - receivedAt > SAME_REQUEST_MS) {
      release();
      process.kill(process.pid, signal);
    }
  };
  SIGNALS.forEach((signal) => void process.on(signal, listener));
  return {
    get received() {
      return received;
    },
    release,
  };
}
