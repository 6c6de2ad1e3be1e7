// Destinations of bytes: the counterpart of ByteSource, so that no format needs its whole output in memory.
import { withFileName } from './errors.js';

/** A destination that is written atomically. */
export interface ByteSink {
  /** What to call it in errors: a path or an address. */
  readonly name: string;
  /** Appends bytes. The caller may reuse the array once the promise has settled. */
  write(bytes: Uint8Array): Promise<void>;
  /** Makes the written bytes permanent under the sink's name. */
  close(): Promise<void>;
  /** Drops everything written; what lay under the name before is untouched. Harmless after `close`. */
  abort(): Promise<void>;
}

/** A sink that collects bytes in memory: for browsers and tests. */
export interface MemorySink extends ByteSink {
  /** Everything written so far, in one array. */
  bytes(): Uint8Array<ArrayBuffer>;
}

/**
 * An empty sink in memory.
 * @example
 * const sink = memorySink('weights');
 * await sink.write(Uint8Array.of(1, 2));
 * sink.bytes(); // Uint8Array [1, 2]
 */
export function memorySink(name: string): MemorySink {
  let parts: Uint8Array[] = [];
  return {
    name,
    write: async (bytes) => void parts.push(new Uint8Array(bytes)), // a copy: the slice of a Buffer is a view
    close: async () => undefined,
    abort: async () => void (parts = []),
    bytes: () => joinBytes(parts),
  };
}

/** Bytes one after another, in one array. */
export function joinBytes(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(parts.reduce((total, part) => total + part.byteLength, 0));
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.byteLength;
  }
  return joined;
}

/** Runs `write` on a sink and closes it; on any error the sink is aborted and the error passed on, with the name of the sink. */
export async function writeWhole(sink: ByteSink, write: (sink: ByteSink) => Promise<void>): Promise<void> {
  try {
    await write(sink);
    await sink.close();
  } catch (error) {
    await sink.abort();
    throw withFileName(error, sink.name);
  }
}
