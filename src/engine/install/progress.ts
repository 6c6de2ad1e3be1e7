// What an installation reports while it runs.

/** Progress of an installation. */
export interface InstallProgress {
  stage: 'wait' | 'download' | 'verify' | 'unpack' | 'compile';
  /** What is being worked on: a wheel, an addon, or the process that holds the lock. */
  what: string;
  /** Bytes done and in total; both 0 for stages without a size. */
  done: number;
  total: number;
}
