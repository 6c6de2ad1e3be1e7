// SIGINT and SIGTERM stop a run, an extraction or a server; a later second one ends the process as usual.
import { requireKinds } from '../options.js';

/** Listens for requests to stop. */
export interface StopSignals {
  /** The signal received, if any. */
  readonly received: NodeJS.Signals | null;
  /** Stops listening: the signals then end the process as usual. */
  release(): void;
}

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** Signals within this time count as one: `timeout`, shells and npm signal both the process and its group. */
const SAME_REQUEST_MS = 1000;

/**
 * Listens for SIGINT and SIGTERM until `release`. A second signal within a second is ignored; a later one ends the process.
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
