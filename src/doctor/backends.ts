// Tries each backend in a process of its own.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { EngineInfo } from '../engine/info.js';
import { BACKEND_NAMES, type BackendName } from '../engine/select-backend.js';
import type { BackendTrial } from './contract.js';

/** A backend without a result after this time counts as not working. */
const TIME_LIMIT_MS = 60_000;

/** What a program that tried a backend found. */
interface Finding {
  trial: BackendTrial;
  /** Null for other backends, and where the engine ended the process. */
  engine: EngineInfo | null;
}

/** Runs one after the other, so that each has all cores. */
export async function tryBackends(): Promise<{ backends: BackendTrial[]; engine: EngineInfo | null }> {
  const findings: Finding[] = [];
  for (const backend of BACKEND_NAMES) findings.push(await tryInProcess(backend));
  return { backends: findings.map(({ trial }) => trial), engine: findings[0]?.engine ?? null };
}

function tryInProcess(backend: BackendName): Promise<Finding> {
  const program = fileURLToPath(new URL('./try-backend.js', import.meta.url));
  const env = { ...process.env, VISUALBERT_BACKEND: '' };
  return new Promise((resolve) => {
    execFile(process.execPath, [program, backend], { env, timeout: TIME_LIMIT_MS }, (error, output, errors) => {
      const fail = (problem: string): void =>
        resolve({ trial: { backend, problem, gigaflops: null, card: null }, engine: null });
      if (error?.killed === true) return fail(`no result within ${TIME_LIMIT_MS / 1000} s`);
      if (error?.signal) return fail(`the process was ended by ${error.signal}`);
      try {
        resolve(JSON.parse(output.trim().split('\n').at(-1) ?? '') as Finding);
      } catch {
        const [, message] = /^\w*Error.*?: (.*)$/m.exec(errors) ?? [];
        fail(`the process ended without a result (exit code ${error?.code ?? 0})${message ? `: ${message}` : ''}`);
      }
    });
  });
}
