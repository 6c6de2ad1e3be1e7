// Whether recorded functions are the default.
import { tf } from '#tf';

/** Whether the native engine is the current backend, which this starts. */
export function isNativeBackend(): boolean {
  tf.backend(); // starts the backend whose name is read next
  return tf.getBackend() === 'tensorflow';
}
