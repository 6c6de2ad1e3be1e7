// The constants of a recording: known arrays as nodes.
import type * as tf from '@tensorflow/tfjs';
import { EngineError } from '../../errors.js';
import { sizeOf } from '../../shapes.js';
import { TF_ATTR, TF_DTYPE, type NativeArray } from '../load/addon.js';
import { currentCaller } from './caller.js';
import { type Node, only, type Recorder } from './node.js';
import { PathMap } from './path-map.js';
import { typeAttribute, typedArray, type GraphDType } from './tensorflow-values.js';

/** Arrays up to this many elements are written into the graph; larger uniform ones become a Fill. */
const SMALL = 16;

export class Constants {
  /** Small arrays, by dtype, rank, sizes and the bits of their values. */
  private readonly small = new PathMap<string | number, Node>();

  constructor(private readonly recording: Recorder) {}

  /** A known array. Equal small ones share a node; large uniform ones are filled at run time. */
  of(values: tf.BackendValues, shape: readonly number[], dtype: tf.DataType): Node {
    if (dtype !== 'float32' && dtype !== 'int32' && dtype !== 'bool') {
      throw new EngineError(
        `A ${dtype} tensor cannot be recorded${currentCaller()}; compiled functions use float32, int32 and bool`,
      );
    }
    const data = typedArray(values as ArrayLike<number>, dtype);
    const count = sizeOf(shape);
    if (count > SMALL)
      return data.every((value) => value === data[0])
        ? this.fill(data[0] ?? 0, shape, dtype)
        : this.arrayConstant(data, shape, dtype);
    // Compared by their bits, so that 0 and -0 are two constants.
    const bits = data instanceof Float32Array ? new Int32Array(data.buffer, data.byteOffset, data.length) : data;
    const path = [dtype, shape.length, ...shape, ...bits];
    return this.small.get(path, () => this.arrayConstant(data, shape, dtype));
  }

  private fill(value: number, shape: readonly number[], dtype: GraphDType): Node {
    const sizes = this.of(Int32Array.from(shape), [shape.length], 'int32');
    const scalar = this.of(typedArray([value], dtype), [], dtype);
    return only(this.recording.operation('Fill', [sizes.full.value, scalar.full.value], []));
  }

  private arrayConstant(data: NativeArray['data'], shape: readonly number[], dtype: GraphDType): Node {
    const value: NativeArray = { dtype: TF_DTYPE[dtype], shape, data };
    const attributes = [typeAttribute('dtype', TF_DTYPE[dtype]), { name: 'value', type: TF_ATTR.tensor, value }];
    return only(this.recording.operation('Const', [], attributes));
  }
}
