// Tables that stay in their file: rows are read there when they are gathered.
import type { OutputNumber } from '../load/addon.js';
import { Lazy } from './lazy.js';
import { type Node, type Recorder, shapedOutput } from './node.js';

/** A table given by its location in a file; operations other than gathers of rows read all of it. */
export function tableInFile(recording: Recorder, shape: number[], location: OutputNumber): Node {
  const whole = new Lazy(() => shapedOutput(recording, 'VisualbertReadFile', [location], shape));
  return { ...recording.value(shape, 'float32', whole), inFile: location };
}

/** `table[indices]`; null unless the table stays in its file and `axis` is the first. Equal small constants are one node. */
export function rowsInFile(recording: Recorder, [table, indices, axis]: readonly Node[]): Node | null {
  if (table?.inFile === undefined || indices === undefined) return null;
  if (axis !== recording.constant(Int32Array.of(0), [], 'int32')) return null;
  const shape = [...indices.shape, ...table.shape.slice(1)];
  const rows = shapedOutput(recording, 'VisualbertReadRows', [table.inFile, indices.full.value], shape);
  return recording.value(shape, 'float32', Lazy.of(rows));
}
