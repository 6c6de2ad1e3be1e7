// Progress of a run: a bar on a terminal, plain lines elsewhere.
import { SingleBar } from 'cli-progress';
import { requireKinds } from '../../options.js';

/** Shows the progress of a run. */
export interface Progress {
  start(total: number, at: number): void;
  /** Called after an update; `secondsLeft` is null while the pace is unknown. */
  update(step: number, values: { loss: number; learningRate: number; secondsLeft: number | null }): void;
  /** A separate line, such as the metrics of an evaluation. */
  line(text: string): void;
  stop(): void;
}

/** Seconds between two plain lines. */
const LINE_SECONDS = 10;

/**
 * The progress display for a stream: a bar with control codes only on a terminal.
 * @example
 * const progress = createProgress();
 * progress.line('validation: accuracy 0.71');
 * progress.stop();
 */
export function createProgress(stream: NodeJS.WriteStream = process.stderr): Progress {
  requireKinds('createProgress', { 'an object': { stream } });
  return stream.isTTY ? barProgress(stream) : lineProgress((text) => void stream.write(`${text}\n`));
}

/** Shows nothing. */
export const SILENT_PROGRESS: Progress = {
  start: () => undefined,
  update: () => undefined,
  line: () => undefined,
  stop: () => undefined,
};

function barProgress(stream: NodeJS.WriteStream): Progress {
  let bar: SingleBar | null = null;
  let [last, lastTotal] = [0, 0];
  let shown = { loss: '-', rate: '-', left: '-' };
  const open = (): void => {
    bar = new SingleBar({
      format: '{bar} {value}/{total} | loss {loss} | rate {rate} | {left} left',
      stream,
      barsize: 24,
      hideCursor: true,
      gracefulExit: false, // the trainer ends the bar on every signal
    });
    bar.start(lastTotal, last, shown);
  };
  const close = (): void => {
    bar?.stop();
    bar = null;
  };
  return {
    start: (total, at) => {
      [last, lastTotal] = [at, total];
      open();
    },
    update: (step, { loss, learningRate, secondsLeft }) => {
      last = step;
      const left = secondsLeft === null ? '-' : duration(secondsLeft);
      shown = { loss: loss.toFixed(4), rate: learningRate.toExponential(2), left };
      bar?.update(step, shown);
    },
    line: (text) => {
      close();
      stream.write(`${text}\n`);
      if (lastTotal > 0) open();
    },
    stop: () => {
      lastTotal = 0;
      close();
    },
  };
}

/**
 * Plain lines, at most one every ten seconds.
 * @example
 * const progress = lineProgress((text) => console.log(text));
 * progress.start(100, 0);
 * progress.update(1, { loss: 0.7, learningRate: 1e-5, secondsLeft: 60 });
 */
export function lineProgress(write: (text: string) => void, now: () => number = () => Date.now() / 1000): Progress {
  let [total, shownAt] = [0, -Infinity];
  return {
    start: (steps) => {
      [total, shownAt] = [steps, now()];
    },
    update: (step, { loss, learningRate, secondsLeft }) => {
      if (now() - shownAt < LINE_SECONDS && step < total) return;
      shownAt = now();
      const left = step < total && secondsLeft !== null ? `, ${duration(secondsLeft)} left` : '';
      write(`step ${step} of ${total}: loss ${loss.toFixed(4)}, rate ${learningRate.toExponential(2)}${left}`);
    },
    line: write,
    stop: () => undefined,
  };
}

/**
 * Seconds as `1 h 02 min`, `3 min 04 s` or `5 s`.
 * @example
 * duration(3720); // '1 h 02 min'
 * duration(184); // '3 min 04 s'
 */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const two = (value: number): string => String(value).padStart(2, '0');
  if (whole >= 3600) return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`;
  return whole >= 60 ? `${Math.floor(whole / 60)} min ${two(whole % 60)} s` : `${whole} s`;
}
