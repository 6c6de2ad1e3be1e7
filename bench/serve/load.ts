// Clients that send a server one question after another, and the servers under load.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { freePorts } from '../../src/cluster/free-ports.js';
import { pythonFile } from '../subjects/python-env.js';
import { VISUALBERT } from '../subjects/visualbert.js';

/** A server in a process of its own. */
export interface ServedProcess {
  label: string;
  url: string;
  child: ChildProcess;
  stop(): Promise<void>;
}

/** Options of the servers. */
export interface ServerFiles {
  /** Checkpoint with vocab.txt. */
  model: string;
  /** The same regions as a store and as safetensors. */
  store: string;
  safetensors: string;
  threads: number;
  batch: number;
}

const READY_MS = 120_000;
const POLL_MS = 200;

/** `visualbert serve`. */
export function startOurs(files: ServerFiles): Promise<ServedProcess> {
  const { model, store, threads, batch } = files;
  const settings = ['--threads', `${threads}`, '--batch-size', `${batch}`, '--log-level', 'warn'];
  return start('visualbert serve', process.execPath, (port) => [
    ...[VISUALBERT, 'serve', '--model', model, '--features', store, '--port', `${port}`, '--backend', 'tensorflow'],
    ...settings,
  ]);
}

/** FastAPI with transformers on PyTorch. */
export function startTheirs(python: string, files: ServerFiles): Promise<ServedProcess> {
  const { model, safetensors, threads, batch } = files;
  return start('FastAPI, transformers', python, (port) => [
    ...[pythonFile('serve_vqa.py'), model, safetensors, `${port}`, `${threads}`, `${batch}`],
  ]);
}

async function start(label: string, command: string, argsAt: (port: number) => string[]): Promise<ServedProcess> {
  const [port = 0] = await freePorts(1);
  const child = spawn(command, argsAt(port), { stdio: ['ignore', 'ignore', 'inherit'] });
  const url = `http://127.0.0.1:${port}`;
  const begin = performance.now();
  while (!(await isReady(url))) {
    if (child.exitCode !== null) throw new Error(`${label} ended with ${child.exitCode} before it was ready`);
    if (performance.now() - begin > READY_MS) throw new Error(`${label} was not ready in ${READY_MS / 1000} s`);
    await pause(POLL_MS);
  }
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null) return;
    child.kill('SIGTERM');
    await once(child, 'exit');
  };
  return { label, url, child, stop };
}

async function isReady(url: string): Promise<boolean> {
  return fetch(`${url}/readyz`).then(
    ({ ok }) => ok,
    () => false,
  );
}

/** Measurements of the clients. */
export interface Load {
  seconds: number;
  /** Milliseconds of each answered request. */
  latencies: number[];
  errors: number;
}

/** Sends questions with this number of clients at once, until `isOver` returns true for the number of answers. */
export async function load(
  url: string,
  clients: number,
  bodyAt: (i: number) => object,
  isOver: (answered: number, seconds: number) => boolean,
): Promise<Load> {
  const latencies: number[] = [];
  let [asked, errors] = [0, 0];
  const begin = performance.now();
  const seconds = (): number => (performance.now() - begin) / 1000;
  const client = async (): Promise<void> => {
    while (!isOver(latencies.length + errors, seconds())) {
      const start = performance.now();
      const status = await post(url, bodyAt(asked++)).then(statusOf, () => 0);
      if (status === 200) latencies.push(performance.now() - start);
      else errors++;
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  return { seconds: seconds(), latencies, errors };
}

/** Asks a question. */
export function post(url: string, body: object): Promise<Response> {
  const headers = { 'content-type': 'application/json' };
  return fetch(`${url}/v1/answer`, { method: 'POST', headers, body: JSON.stringify(body) });
}

async function statusOf(response: Response): Promise<number> {
  await response.arrayBuffer();
  return response.status;
}

/** Resident memory of a process in MB; NaN if the system does not report it. */
export function residentMb({ child }: ServedProcess): number {
  const path = `/proc/${child.pid}/status`;
  if (!existsSync(path)) return NaN;
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(path, 'utf8'))?.[1]) / 1024;
}
