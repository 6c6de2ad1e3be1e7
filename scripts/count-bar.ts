// A bar that counts what is read or computed, on a terminal; nothing elsewhere.
import cliProgress from 'cli-progress';

export interface CountBar {
  /** Shows the bar at the first call. */
  update(done: number, all: number): void;
  stop(): void;
}

/** @param what is counted: `images`, `examples`. */
export function createCountBar(what: string): CountBar {
  const bar = new cliProgress.SingleBar({
    format: `{bar} {value} of {total} ${what}, {eta_formatted} left`,
    stream: process.stderr,
    noTTYOutput: false,
  });
  let isShown = false;
  return {
    update: (done, all) => {
      if (isShown) bar.update(done);
      else bar.start(all, done);
      isShown = true;
    },
    stop: () => bar.stop(),
  };
}
