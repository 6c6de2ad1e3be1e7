// Estimates the time left of a run from the pace of its last updates and the durations of its evaluations and saves.

/** A pause between two updates; an evaluation includes a save. */
export type Pause = 'evaluation' | 'save';

export interface TimeLeftOptions {
  /** Total updates of the run, and those before this start. */
  total: number;
  at: number;
  /** The pause after an update. */
  pauseAfter(step: number): Pause | null;
  /** Number of recorded functions: an update that records one takes longer. */
  recordings(): number;
  /** Seconds on any clock. */
  now?: () => number;
}

/** Updates in the moving average, enough to even out batches of different lengths. */
const PACE_UPDATES = 20;

/** The clock of one start of a run. */
export class TimeLeft {
  private readonly now: () => number;
  private readonly pausesLeft = { evaluation: 0, save: 0 };
  /** Seconds of the last pause; 0 before the first. */
  private readonly pauseSeconds = { evaluation: 0, save: 0 };
  /** Seconds of the last updates, without those that recorded a function. */
  private readonly paces: number[] = [];
  private lastAt: number;
  private recordings: number;

  constructor(private readonly options: TimeLeftOptions) {
    const { total, at, pauseAfter, recordings, now = () => performance.now() / 1000 } = options;
    for (let step = at + 1; step <= total; step++) {
      const pause = pauseAfter(step);
      if (pause !== null) this.pausesLeft[pause]++;
    }
    this.now = now;
    this.lastAt = now();
    this.recordings = recordings();
  }

  /** Call after an update. @returns seconds left; null while the pace is unknown */
  update(step: number): number | null {
    const recordings = this.options.recordings();
    const seconds = this.lap();
    if (recordings === this.recordings) this.paces.push(seconds);
    if (this.paces.length > PACE_UPDATES) this.paces.shift();
    this.recordings = recordings;
    return this.secondsLeft(step);
  }

  /** Call after the pause that follows an update. */
  pause(step: number): void {
    const { at, pauseAfter, recordings } = this.options;
    const seconds = this.lap();
    this.recordings = recordings();
    const pause = pauseAfter(step);
    if (pause === null) return; // an unplanned save, before a stop
    this.pauseSeconds[pause] = seconds;
    if (step > at) this.pausesLeft[pause]--;
  }

  private secondsLeft(step: number): number | null {
    if (this.paces.length === 0) return null;
    const pace = this.paces.reduce((sum, seconds) => sum + seconds, 0) / this.paces.length;
    const { pausesLeft, pauseSeconds } = this;
    const pauses = pausesLeft.evaluation * pauseSeconds.evaluation + pausesLeft.save * pauseSeconds.save;
    return pace * (this.options.total - step) + pauses;
  }

  /** Seconds since the last lap. */
  private lap(): number {
    const now = this.now();
    const seconds = now - this.lastAt;
    this.lastAt = now;
    return seconds;
  }
}
