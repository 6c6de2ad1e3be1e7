// The loss of one batch and its gradient for every parameter.
import { tf } from '#tf';
import { ConfigError } from '../errors.js';
import { philoxKey } from '../random/philox-uniform.js';
import type { ModelInputs } from './inputs/inputs.js';
import type { ForwardOptions } from './contract.js';
import type { VisualBertPreTrainedModel } from './pretrained-model.js';
import { requireKinds } from '../options.js';

/** Result of `valueAndGradients`; the caller owns the tensors. */
export interface ValueAndGradients {
  loss: number;
  /** By parameter name; parameters without a gradient (unused by the loss, or frozen) have no entry. The caller owns the tensors. */
  gradients: Map<string, tf.Tensor>;
}

/** Options of `valueAndGradients`. */
export interface GradientOptions extends ForwardOptions {
  /** Keep only each encoder layer's input, and compute the layer again for its gradient: less memory, one more forward pass. Default false. */
  gradientCheckpointing?: boolean;
}

/**
 * Runs `model` on `inputs` (labels included) and computes the loss and its gradients for the trainable parameters.
 * @throws ConfigError when the inputs give no loss.
 * @example
 * const model = await VisualBertForVisualReasoning.fromPretrained('uclanlp/visualbert-nlvr2');
 * const inputs = { inputIds: [[2, 5, 7, 3]], visualEmbeds: tf.zeros([1, 36, 1024]), labels: [1] };
 * const { loss, gradients } = await valueAndGradients(model, inputs);
 * gradients.get('cls.weight'); // [2, h] float32
 */
export async function valueAndGradients(
  model: VisualBertPreTrainedModel,
  inputs: ModelInputs,
  options: GradientOptions = {},
): Promise<ValueAndGradients> {
  requireKinds('valueAndGradients', { 'a model': { model }, 'an object': { options } });
  const { training = false, seed = 0, gradientCheckpointing = false } = options;
  const named = [...model.namedParameters()].filter(([, variable]) => variable.trainable);
  const result = tf.tidy(() => {
    const tensors = model.prepare(inputs);
    const context = { training, dropoutKey: training ? philoxKey(seed, 0) : null, gradientCheckpointing };
    const { value, grads } = tf.variableGrads(
      () => {
        const { loss } = model.compute(tensors, context);
        if (loss === undefined) {
          throw new ConfigError(
            `${model.className}: expected labels in the inputs, received none to compute a loss from; give labels`,
          );
        }
        return loss;
      },
      named.map(([, variable]) => variable),
    );
    return { value, grads };
  });
  const gradients = new Map(
    named.flatMap(([name, variable]): [string, tf.Tensor][] => {
      const gradient = result.grads[variable.name] as tf.Tensor | null;
      return gradient ? [[name, gradient]] : [];
    }),
  );
  const [loss = NaN] = await result.value.data();
  result.value.dispose();
  return { loss, gradients };
}
