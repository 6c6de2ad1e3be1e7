// TensorFlow's own server: makes this process a worker of a cluster, whose sessions can sum tensors over all workers.
import { isMainThread } from 'node:worker_threads';
import { PbfWriter } from 'pbf';
import { EngineError, errorMessage } from '../../errors.js';
import { isLoopback } from '../../platform/loopback.js';
import type { GraphAddon } from '../load/addon.js';
import { loadNative } from '../load/native.js';
import type { WorkerServer } from './contract.js';
import { JOB, sessionConfig } from './session-config.js';

/** The workers of a cluster, and which of them this process is. */
export interface WorkerAddresses {
  /** `host:port` of each worker, in one order everywhere. */
  addresses: readonly string[];
  /** The number of this process, from 0. */
  worker: number;
}

let started: WorkerServer | null = null;

/**
 * Starts the server of this process. It listens on the port of its own address, without authentication or encryption, until the process ends:
 * TensorFlow cannot stop a server. Where all addresses are of the loopback device it takes no calls from elsewhere (a warning where the system
 * cannot keep them out), else from every network interface.
 * The process then ends without waiting for its threads, after the listeners of `exit` that are there by now.
 * @throws EngineError when the port cannot be opened, and at the second call
 */
export function startServer({ addresses, worker }: WorkerAddresses): WorkerServer {
  if (started !== null)
    throw new EngineError(`startServer: this process is already worker ${started.worker}; start another process`);
  const native = loadNative();
  if (native.graph === null)
    throw new EngineError(
      'startServer: the addon of compiled functions is missing; run `npx visualbert engine install`',
    );
  const { threads: intraOpThreads, interOpThreads, xla } = native.info;
  const config = sessionConfig({ intraOpThreads, interOpThreads, xla, placesRuns: false, worker });
  try {
    const addon = native.graph as GraphAddon;
    const target = addon.startServer(serverDefinition({ addresses, worker }, config), localPort({ addresses, worker }));
    // Node waits for its threads before it ends, and a sum in one of them may wait for a worker that is lost.
    if (isMainThread) process.once('exit', (code) => addon.endProcess(code));
    return (started = { target, worker });
  } catch (error) {
    throw new EngineError(
      `startServer: worker ${worker} cannot listen on ${addresses[worker]}: ${errorMessage(error)}; is the port in use?`,
      { cause: error },
    );
  }
}

/** The port that only this machine may reach; 0: all may. */
function localPort({ addresses, worker }: WorkerAddresses): number {
  if (!addresses.every((address) => isLoopback(address.split(':')[0] ?? ''))) return 0;
  const port = Number(addresses[worker]?.split(':')[1]);
  if (process.platform === 'linux') return port;
  process.emitWarning(
    `TensorFlow's server listens on port ${port} of every network interface, and only Linux can keep others out: close the port by a firewall`,
  );
  return 0;
}

/**
 * A serialized `tensorflow.ServerDef`.
 * @see https://github.com/tensorflow/tensorflow/blob/v2.21.0/tensorflow/core/protobuf/tensorflow_server.proto
 */
function serverDefinition({ addresses, worker }: WorkerAddresses, config: Uint8Array): Uint8Array {
  const server = new PbfWriter();
  server.writeMessage(1, writeCluster, addresses);
  server.writeStringField(2, JOB); // job_name
  server.writeVarintField(3, worker); // task_index
  server.writeBytesField(4, config); // default_session_config
  server.writeStringField(5, 'grpc'); // protocol
  return server.finish();
}

/** A `ClusterDef` of one job. */
function writeCluster(addresses: readonly string[], cluster: PbfWriter): void {
  cluster.writeMessage(1, writeJob, addresses);
}

function writeJob(addresses: readonly string[], job: PbfWriter): void {
  job.writeStringField(1, JOB);
  for (const task of addresses.entries()) job.writeMessage(2, writeTask, task);
}

/** An entry of the map from a worker's number to its address. */
function writeTask([number, address]: readonly [number, string], entry: PbfWriter): void {
  entry.writeVarintField(1, number);
  entry.writeStringField(2, address);
}
