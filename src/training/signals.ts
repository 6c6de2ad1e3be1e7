// SIGINT and SIGTERM ask a run to save and stop; a second one ends the process as usual.

export interface StopSignals {
  /** The signal that came, if one did. */
  readonly received: NodeJS.Signals | null;
  /** Gives the signals back to whoever had them. */
  release(): void;
}

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** Listens until `release`. `onSignal` is called once, at the first signal. */
export function listenForStop(onSignal: (signal: NodeJS.Signals) => void): StopSignals {
  let received: NodeJS.Signals | null = null;
  const release = (): void => SIGNALS.forEach((signal) => void process.off(signal, listener));
  const listener = (signal: NodeJS.Signals): void => {
    received = signal;
    release(); // the next one is not ours
    onSignal(signal);
  };
  SIGNALS.forEach((signal) => void process.on(signal, listener));
  return {
    get received() {
      return received;
    },
    release,
  };
}
