// Runs a worker of a cluster in a process of its own, which sums over all workers inside a recorded function.
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';

const ENGINE = JSON.stringify(`file://${resolve('dist/src/engine')}`);

/** Sums [1, 2] times its number plus one, as float32 and as bfloat16, in each of `steps` runs, and prints what it got, or the error. */
const PROGRAM = `
const { tf } = await import(${ENGINE} + '/../node.js');
const { fused } = await import(${ENGINE} + '/../fused.js');
const { startServer } = await import(${ENGINE} + '/session/server.js');
const { createState } = await import(${ENGINE} + '/session/state.js');
const { compile } = await import(${ENGINE} + '/session/compile.js');
const [addresses, worker, steps, dies] = JSON.parse(process.argv[1]);
const print = (value) => process.stdout.write(JSON.stringify(value) + '\\n');
try {
  const server = startServer({ addresses, worker });
  const total = tf.variable(tf.zeros([2]));
  const state = await createState(new Map([['total', total]]), { server });
  const sum = (x, instance, isLow) => fused('SumOverWorkers', { x }, { workers: addresses.length, instance, timeoutSeconds: 4, isLow })[0];
  const step = compile(({ x }) => {
    total.assign(tf.add(total, sum(x, 7, false)));
    return { low: sum(tf.div(x, 3), 8, true) };
  }, { state });
  const data = Float32Array.of(worker + 1, 2 * (worker + 1));
  const outputs = [];
  for (let i = 0; i < steps; i++) {
    if (dies && i === 1) process.kill(process.pid, 'SIGKILL');
    outputs.push([...(await step({ x: { dtype: 'float32', shape: [2], data } })).low.data]);
  }
  print({ outputs, total: [...(await state.read('total')).data] });
  await state.dispose();
} catch (error) {
  print({ error: error.message });
}`;

/** What a worker prints. */
export interface Printed {
  outputs?: number[][];
  total?: number[];
  error?: string;
}

/** What a worker printed; null when it was killed. */
export async function runWorker(
  addresses: readonly string[],
  worker: number,
  steps = 2,
  dies = false,
): Promise<Printed | null> {
  const given = JSON.stringify([addresses, worker, steps, dies]);
  const child = spawn(process.execPath, ['--input-type=module', '-e', PROGRAM, given], { stdio: 'pipe' });
  let printed = '';
  child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  await new Promise((settle) => child.once('close', settle));
  return printed === '' ? null : (JSON.parse(printed) as Printed);
}

/** Addresses of workers on this machine. */
export const addressesOf = (ports: readonly number[]): string[] => ports.map((port) => `127.0.0.1:${port}`);
