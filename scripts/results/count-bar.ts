// Progress bars with counts, rate and remaining time; without a terminal a plain line from time to time.
import cliProgress from 'cli-progress';
import { duration, type HubProgress } from '../../src/node.js';

export interface CountBar {
  /** Shows the bar at the first call. */
  update(done: number, all: number): void;
  stop(): void;
}

/** Seconds between two plain lines; short commands print none. */
const LINE_SECONDS = 30;
/** Columns for text next to the bar, and its maximum and minimum length. */
const [TEXT_COLUMNS, LONGEST_BAR, SHORTEST_BAR] = [56, 40, 8];

/** @param what is counted: `images`, `examples`. */
export function createCountBar(what: string): CountBar {
  const stream = process.stderr;
  const bar = createBar(`{bar} {value} of {total} ${what}{pace}`, stream);
  let pace: Pace | null = null;
  return {
    update: (done, all) => {
      const isFirst = pace === null;
      pace ??= new Pace(done);
      if (isFirst) bar.start(all, done, { pace: '' });
      else bar.update(done, { pace: pace.text(done, all) });
      if (!stream.isTTY && pace.isLineDue()) stream.write(`${done} of ${all} ${what}${pace.text(done, all)}\n`);
    },
    stop: () => bar.stop(),
  };
}

/** A bar for the downloads of a command, one file after another. */
export function createDownloadBar(): { update(progress: HubProgress): void; stop(): void } {
  let bar: cliProgress.SingleBar | null = null;
  let shown = '';
  const stop = (): void => {
    bar?.stop();
    [bar, shown] = [null, ''];
  };
  const update = ({ file, loadedBytes, totalBytes }: HubProgress): void => {
    const [done, all] = [megabytes(loadedBytes), megabytes(totalBytes ?? loadedBytes)];
    if (shown !== file) {
      stop();
      [bar, shown] = [createBar(`{bar} {value} of {total} MB of ${file}`, process.stderr), file];
      if (!process.stderr.isTTY)
        console.error(`downloading ${file}, ${totalBytes === null ? 'of unknown size' : `${all} MB`}`);
      bar.start(all, done);
    } else {
      bar?.setTotal(all);
      bar?.update(done);
    }
  };
  return { update, stop };
}

function createBar(format: string, stream: NodeJS.WriteStream): cliProgress.SingleBar {
  const columns = (stream.columns ?? TEXT_COLUMNS + LONGEST_BAR) - TEXT_COLUMNS;
  return new cliProgress.SingleBar({
    ...{ format, stream, noTTYOutput: false, hideCursor: true },
    barsize: Math.max(SHORTEST_BAR, Math.min(LONGEST_BAR, columns)),
  });
}

/** Bytes in whole megabytes. */
export function megabytes(bytes: number): number {
  return Math.round(bytes / 1e6);
}

/** The rate since the start. */
class Pace {
  private readonly startedAt = seconds();
  private lineAt = seconds();

  constructor(private readonly before: number) {}

  /** `, 3.1/s, 2 h 05 min left`; empty at the start. */
  text(done: number, all: number): string {
    const rate = (done - this.before) / (seconds() - this.startedAt);
    if (!(rate > 0 && Number.isFinite(rate))) return '';
    const left = done < all ? `, ${duration((all - done) / rate)} left` : '';
    return `, ${rate < 100 ? rate.toPrecision(2) : rate.toFixed(0)}/s${left}`;
  }
  isLineDue(): boolean {
    if (seconds() - this.lineAt < LINE_SECONDS) return false;
    this.lineAt = seconds();
    return true;
  }
}

function seconds(): number {
  return performance.now() / 1000;
}
