// The forward pass of a model that serves one evaluation.
import type { VisualBertPreTrainedModel } from '../models/pretrained-model.js';
import { createForwardPass, type ForwardPassOptions } from '../training/step/forward.js';
import type { ForwardPass } from '../training/step/forward-pass.js';

/** Runs `use` with the model's forward pass, then frees both, also after an error. */
export async function withForwardPass<T>(
  model: VisualBertPreTrainedModel,
  use: (forward: ForwardPass) => Promise<T>,
  options: Pick<ForwardPassOptions, 'precision'> = {},
): Promise<T> {
  try {
    const forward = await createForwardPass(model, options);
    try {
      return await use(forward);
    } finally {
      await forward.dispose();
    }
  } finally {
    model.dispose();
  }
}
