// The exit codes of commands that a signal ended.

/** Those of shells: 128 and the number of the signal. */
const SIGNAL_EXIT = { SIGINT: 130, SIGTERM: 143 } as const;

/** The exit code of a command that ended for this reason: 0 where it was no signal. */
export function exitCodeOf(reason: string): number {
  return SIGNAL_EXIT[reason as keyof typeof SIGNAL_EXIT] ?? 0;
}
