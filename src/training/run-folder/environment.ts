// The environment, which may change the last bits of a run: stored in every checkpoint and compared on resume.
import { availableParallelism } from 'node:os';
import { tf } from '#tf';
import { loadNative } from '../../engine/load/native.js';
import { packageVersion } from '../../engine/load/paths.js';
import { type RunEnvironment } from './trainer-state.js';

/** The current environment. */
export function runEnvironment(compiled: boolean, precision: string): RunEnvironment {
  const backend = tf.getBackend();
  const engine = backend === 'tensorflow' ? loadNative().info : null;
  return {
    backend,
    compiled,
    precision,
    threads: engine?.threads ?? availableParallelism(),
    xla: engine?.xla ?? false,
    tensorflow: engine?.tensorflow ?? tf.version_core,
    package: packageVersion(),
  };
}
