// Tables that stay in their file: rows are read there when they are gathered.
import { TF_ATTR, type OutputNumber } from '../load/addon.js';
import { Lazy } from './lazy.js';
import { type Node, only, type Recorder } from './node.js';

/** A table given by its location in a file; operations other than gathers of rows read all of it. */
export function tableInFile(recording: Recorder, shape: number[], location: OutputNumber): Node {
  const whole = new Lazy(() => {
    const values = recording.output('VisualbertReadFile', [location], []);
    return recording.output('EnsureShape', [values], [{ name: 'shape', type: TF_ATTR.shape, value: shape }]);
  });
  return { ...recording.value(shape, 'float32', whole), inFile: location };
}

/** `table[indices]`; null unless the table stays in its file and `axis` is the first. Equal small constants are one node. */
export function rowsInFile(recording: Recorder, [table, indices, axis]: readonly Node[]): Node | null {
  if (table?.inFile === undefined || indices === undefined) return null;
  if (axis !== recording.constant(Int32Array.of(0), [], 'int32')) return null;
  const rows = recording.output('VisualbertReadRows', [table.inFile, indices.full.value], []);
  const shape = [...indices.shape, ...table.shape.slice(1)];
  return only(recording.operation('EnsureShape', [rows], [{ name: 'shape', type: TF_ATTR.shape, value: shape }]));
}
