// The variable TF_CONFIG, by which Kubeflow, Slurm scripts and TensorFlow's own strategies name the workers of a cluster.
import { z } from 'zod';
import { checkedValue } from '../checked-value.js';
import { ConfigError, notJson } from '../errors.js';
import { expected } from '../options.js';
import type { WorkerAddresses } from '../engine/session/server.js';

const MOST_PORT = 65535;
const NO_SERVERS =
  'parameter servers are not supported, because the workers sum the gradients themselves; leave out "ps"';
const NO_EVALUATORS =
  'evaluators are not supported, because the workers evaluate during training; leave out "evaluator"';

const EXPECTED =
  'TF_CONFIG: expected {"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", "index": 0}}';

const address = z.string().regex(/^[^\s:/]+:\d+$/, { error: expected('host:port') });
const number = z.number().int().min(0);
const schema = z.object({
  cluster: z.strictObject({
    chief: z.array(address).max(1).optional(),
    worker: z.array(address).optional(),
    ps: z.undefined({ error: NO_SERVERS }).optional(),
    evaluator: z.undefined({ error: NO_EVALUATORS }).optional(),
  }),
  task: z.object({
    type: z.enum(['chief', 'worker'], {
      error: ({ input }) => (input === 'ps' ? NO_SERVERS : input === 'evaluator' ? NO_EVALUATORS : undefined),
    }),
    index: z.union([number, z.string().regex(/^\d+$/).transform(Number)], {
      error: expected('a whole number of at least 0'),
    }),
  }),
});

/**
 * The workers that TF_CONFIG names, the chief first, and which of them this process is.
 * @example clusterFromTfConfig('{"cluster": {"worker": ["a:2222", "b:2222"]}, "task": {"type": "worker", "index": 1}}');
 * @throws ConfigError for text that is not a TF_CONFIG of chief and workers, and for a port out of range
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
  for (const [i, named] of addresses.entries()) requirePort(named, i);
  return { addresses, worker: index };
}

function requirePort(named: string, worker: number): void {
  const port = Number(named.split(':')[1]);
  const most = worker === 0 ? MOST_PORT - 1 : MOST_PORT;
  if (port >= 1 && port <= most) return;
  const why = worker === 0 ? ' (worker 0 also uses the one after it)' : '';
  throw new ConfigError(`TF_CONFIG: ${named}: expected a port from 1 to ${most}${why}, received ${port}`);
}

function parse(text: string): z.output<typeof schema> {
  const { data, problems } = checkedValue(schema, jsonOf(text), 'the text');
  if (problems === null) return data;
  throw new ConfigError(`${EXPECTED}: ${problems.join('; ')}`);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ConfigError(`${EXPECTED}: ${notJson(error)}`, { cause: error });
  }
}
