// The kernel `FusedAdamW` of recordings: updates a parameter and its moments in place, in one pass over memory.
import type * as tf from '@tensorflow/tfjs';
import type { FusedKernel } from '../../fused.js';
import { EngineError } from '../../errors.js';
import { TF_ATTR, type OperationAttribute } from '../load/addon.js';
import type { Node } from '../recording/node.js';
import type { GraphKernel } from './graph-kernel.js';
import { rowSumOf } from './row-sums.js';

const KERNEL: FusedKernel = 'FusedAdamW';

/** Order of the operation's inputs. */
const INPUTS = ['parameter', 'first', 'second', 'gradient', 'norm', 'rate', 'firstCorrection', 'secondCorrection'];

/** Its first three inputs must be variables of the state, each to be assigned its result. */
export const ADAMW_KERNEL: GraphKernel = {
  name: KERNEL,
  operations: { VisualbertAdamW: { ownsResult: true }, VisualbertAdamWRows: { ownsResult: true } },
  runsOnGpu: false,
  writesInPlace: true,
  record: (backend, inputs, attrs) => {
    const operands = INPUTS.map((name) => inputs[name] as tf.TensorInfo);
    const [parameter, first, second, ...rest] = operands;
    const variables = [parameter, first, second].map((tensor) => {
      const variable = backend.variableOf((tensor as tf.TensorInfo).dataId);
      if (variable === null) throw new EngineError(`${KERNEL}: parameter and moments must be variables of the state`);
      return variable;
    });
    const [gradient, ...scalars] = rest.map((tensor) => backend.nodeOf(tensor)) as [Node, ...Node[]];
    const sum = rowSumOf(gradient);
    const [operation, nodes] =
      sum === null
        ? ['VisualbertAdamW', [gradient, ...scalars]]
        : ['VisualbertAdamWRows', [sum.values, ...scalars, sum.rows]];
    const results = backend.recording.updates.add(variables, operation, nodes, attributesOf(attrs));
    return results.map((node) => backend.tensorOf(node, KERNEL));
  },
};

function attributesOf(attrs: Record<string, unknown>): OperationAttribute[] {
  const { beta1, beta2, epsilon, decay, rateFactor, maxNorm, skipNonFinite } = attrs;
  // 1 - beta is computed in float64: float32 would lose five digits of 1 - 0.999.
  const shares = { share1: 1 - Number(beta1), share2: 1 - Number(beta2) };
  const floats = { ...shares, epsilon, decay, rate_factor: rateFactor, max_norm: maxNorm };
  return [
    ...Object.entries(floats).map(([name, value]) => ({ name, type: TF_ATTR.float, value })),
    { name: 'skip_non_finite', type: TF_ATTR.int, value: skipNonFinite === true ? 1 : 0 },
  ];
}
