// A measured process: it answers commands as JSON lines, so that several processes can take turns, each with its own peak memory.
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** A reply of the process; `error` is its own message. */
export interface Reply {
  startMs?: number;
  ms?: number[];
  values?: number[];
  peakBytes?: number;
  error?: string;
  [measurement: string]: unknown;
}

/** Arguments of a subject at its start; the Python side uses the same names in snake case. */
export interface SubjectArgs {
  mode: 'train' | 'forward';
  /** Folder of the checkpoint. */
  model: string;
  class_name: 'VisualBertForQuestionAnswering' | 'VisualBertForPreTraining';
  /** safetensors file with tensors `<index>/<input>`. */
  batches: string;
  precision: 'fp32' | 'bf16' | 'int8';
  compiled: boolean;
  dropout: number;
  threads: number;
  /** For Python `cuda` instead of `gpu`. */
  device?: 'cpu' | 'gpu';
  /** Its index among several workers, which share the rows of each batch. Default: a single process. */
  worker?: { index: number; count: number };
  /** Addresses of the workers, and the precision of exchanged gradients. Default: no exchange. */
  cluster?: { addresses: readonly string[]; wire: 'fp32' | 'bf16' };
}

/** Lines of stderr kept for the message when a process dies. */
const KEPT_LINES = 30;

export class Subject {
  private readonly child: ChildProcess;
  private readonly waiting: ((reply: Reply) => void)[] = [];
  private readonly noise: string[] = [];
  private ended = false;

  /** @param label names it in tables and errors. */
  constructor(
    readonly label: string,
    command: string,
    args: readonly string[],
    env: NodeJS.ProcessEnv = {},
  ) {
    this.child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...env } });
    const { stdout, stderr } = this.child;
    if (stdout === null || stderr === null) throw new Error(`${label}: no pipes`);
    createInterface({ input: stdout }).on('line', (line) => {
      if (line.startsWith('{')) this.waiting.shift()?.(JSON.parse(line) as Reply);
    });
    createInterface({ input: stderr }).on('line', (line) => {
      this.noise.push(line);
      if (this.noise.length > KEPT_LINES) this.noise.shift();
    });
    const end = (why: string): void => {
      this.ended = true;
      for (const answer of this.waiting.splice(0)) answer({ error: `${why}\n${this.noise.join('\n')}` });
    };
    this.child.on('error', (error) => end(error.message));
    this.child.on('exit', (code, signal) => end(`ended with ${signal ?? code}`));
  }

  /** Sends one command. @throws Error when the process reports an error or ends. */
  async ask(command: { do: string; [argument: string]: unknown }): Promise<Reply> {
    const reply = await new Promise<Reply>((resolve) => {
      if (this.ended) resolve({ error: 'has ended already' });
      this.waiting.push(resolve);
      this.child.stdin?.write(`${JSON.stringify(command)}\n`);
    });
    if (reply.error !== undefined) throw new Error(`${this.label}: ${reply.error}`);
    return reply;
  }

  /** Ends the process by closing its input. */
  async close(): Promise<void> {
    if (this.ended) return;
    const gone = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.stdin?.end();
    await gone;
  }
}
