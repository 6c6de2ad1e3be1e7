// Exit codes of commands that were ended by a signal.

/** As in shells: 128 plus the number of the signal. */
const SIGNAL_EXIT = { SIGINT: 130, SIGTERM: 143 } as const;

/** The exit code of a command by the reason for its end: 0 if it is not a signal. */
export function exitCodeOf(reason: string): number {
  return SIGNAL_EXIT[reason as keyof typeof SIGNAL_EXIT] ?? 0;
}
