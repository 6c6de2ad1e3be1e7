// Runs the page's actions one at a time, since all of them use the same model and backend.

/** An action of the page; what it returns becomes the status, instead of the usual one. */
export type Action = (signal: AbortSignal) => Promise<string | undefined>;

export interface ActionView {
  setBusy(isBusy: boolean): void;
  say(status: string): void;
  /** The status when an action has succeeded. */
  usualStatus(): string;
}

/** A queue in which a newer action replaces the waiting ones, and asks the running one to stop. */
export class Actions {
  private running: Promise<void> = Promise.resolve();
  private latest = new AbortController();

  constructor(private readonly view: ActionView) {}

  /** Runs an action after the running one has ended; its error becomes the status. */
  start(action: Action): void {
    this.stop('another action was started');
    const own = new AbortController();
    this.latest = own;
    this.view.setBusy(true);
    this.view.say('');
    this.running = this.running.then(async () => {
      if (this.latest !== own) return; // replaced while it waited
      const status = await action(own.signal).catch((error: unknown) =>
        error instanceof Error ? error.message : String(error),
      );
      if (this.latest !== own) return; // the newer action has the status
      this.view.say(status ?? this.view.usualStatus());
      this.view.setBusy(false);
    });
  }

  /** Asks the running action to stop. @param reason becomes the status unless another action follows */
  stop(reason: string): void {
    this.latest.abort(new DOMException(reason, 'AbortError'));
  }
}
