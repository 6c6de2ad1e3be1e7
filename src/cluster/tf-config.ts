// The variable TF_CONFIG, by which Kubeflow, Slurm scripts and TensorFlow's own strategies name the workers of a cluster.
import { z } from 'zod';
import { ConfigError, errorMessage } from '../errors.js';
import type { WorkerAddresses } from '../engine/session/server.js';

const address = z.string().regex(/^[^\s:/]+:\d{1,5}$/, 'expected host:port');
const schema = z.object({
  cluster: z.strictObject({ chief: z.array(address).max(1).optional(), worker: z.array(address).optional() }),
  task: z.object({ type: z.enum(['chief', 'worker']), index: z.number().int().min(0) }),
});

/**
 * The workers that TF_CONFIG names, the chief first, and which of them this process is.
 * @example clusterFromTfConfig('{"cluster": {"worker": ["a:2222", "b:2222"]}, "task": {"type": "worker", "index": 1}}');
 * @throws ConfigError for text that is not a TF_CONFIG of chief and workers
 */
export function clusterFromTfConfig(text: string): WorkerAddresses {
  const { cluster, task } = parse(text);
  const { chief = [], worker = [] } = cluster;
  const addresses = [...chief, ...worker];
  const index = task.type === 'chief' ? task.index : chief.length + task.index;
  if ((task.type === 'chief' ? chief : worker)[task.index] === undefined)
    throw new ConfigError(
      `TF_CONFIG: the task is ${task.type} ${task.index}, which the cluster does not have; correct task.index`,
    );
  if (new Set(addresses).size < addresses.length)
    throw new ConfigError(
      `TF_CONFIG: expected different addresses, received ${addresses.join(', ')}; give each worker its own`,
    );
  return { addresses, worker: index };
}

function parse(text: string): z.output<typeof schema> {
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    const reason = error instanceof z.ZodError ? z.prettifyError(error).replaceAll('\n', ' ') : errorMessage(error);
    throw new ConfigError(
      `TF_CONFIG: expected {"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", "index": 0}}: ${reason}`,
      { cause: error },
    );
  }
}
