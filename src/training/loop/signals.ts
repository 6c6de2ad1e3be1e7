// SIGINT and SIGTERM ask a run to save and stop; at the second one the process ends as usual.

export interface StopSignals {
  /** The signal received, if any. */
  readonly received: NodeJS.Signals | null;
  /** Stops listening: the signals then end the process as usual. */
  release(): void;
}

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** One request often arrives twice: `timeout`, shells and npm signal the process and its group. */
const SAME_REQUEST_MS = 1000;

/** Listens until `release`. `onSignal` is called once, at the first signal. */
export function listenForStop(onSignal: (signal: NodeJS.Signals) => void): StopSignals {
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
