// The signature of a call: names, dtypes and shapes of its inputs. A function is recorded once for each.
import { tf } from '#tf';
import { ShapeError } from '../../errors.js';
import { rawTensorProblem, type RawDType, type RawTensors } from '../../raw-tensor.js';
import { PathMap } from '../recording/path-map.js';

/** In the order of the names. */
export type Signature = readonly {
  readonly name: string;
  readonly dtype: RawDType;
  readonly shape: readonly number[];
}[];

/** The signatures of one function's calls: equal ones are the same object. */
export class Signatures {
  private readonly known = new PathMap<string | number, Signature>();

  /** @param who names the function in errors. */
  constructor(private readonly who: string) {}

  /** @throws ShapeError for inputs that are not an object of arrays. */
  of(inputs: RawTensors): Signature {
    const signature = signatureOf(inputs, this.who);
    const path = signature.flatMap(({ name, dtype, shape }) => [name, dtype, shape.length, ...shape]);
    return this.known.get(path, () => signature);
  }
}

function signatureOf(inputs: RawTensors, who: string): Signature {
  if (typeof inputs !== 'object' || (inputs as unknown) === null) {
    throw new ShapeError(
      `${who}: expected inputs by name, each { dtype, shape, data }, received ${String(inputs)}; pass {} when there are none`,
    );
  }
  const entries = Object.entries(inputs).map(([name, value]) => {
    const problem = rawTensorProblem(value);
    const remedy = value instanceof tf.Tensor ? '; pass { dtype, shape, data: await tensor.data() }' : '';
    if (problem !== null) throw new ShapeError(`${who}: input "${name}": ${problem}${remedy}`);
    return { name, dtype: value.dtype, shape: [...value.shape] };
  });
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** `x: float32 [2, 3]; y: int32 []`, for the log. */
export function formatSignature(signature: Signature): string {
  return signature.map(({ name, dtype, shape }) => `${name}: ${dtype} [${shape.join(', ')}]`).join('; ');
}
