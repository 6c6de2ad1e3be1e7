// Runs a function with a loaded model and its forward pass.
import type { ModelClass } from '../models/contract.js';
import { openModel } from '../models/open-model.js';
import type { VisualBertPreTrainedModel } from '../models/pretrained-model.js';
import { freshWeightsOfAnswers } from '../pipelines/load.js';
import { type ForwardPassOptions, loadForwardPass } from '../inference/open-forward-pass.js';
import type { ForwardPass } from '../inference/forward-pass.js';

/** A model to load. */
export interface EvaluatedModel<M> extends Pick<ForwardPassOptions, 'precision'> {
  Model: ModelClass<M>;
  /** Folder or hub id. */
  where: string;
  allowFreshWeights: boolean | undefined;
}

/** Loads a model, runs `use` with it and its forward pass, then frees both, also after an error. */
export async function withForwardPass<M extends VisualBertPreTrainedModel, T>(
  { Model, where, allowFreshWeights, precision = 'fp32' }: EvaluatedModel<M>,
  use: (forward: ForwardPass, model: M) => Promise<T>,
): Promise<T> {
  const loading = { allowFreshWeights: freshWeightsOfAnswers(allowFreshWeights) };
  const { model, forward } = await loadForwardPass(() => openModel(Model, where, loading), { precision });
  try {
    return await use(forward, model);
  } finally {
    await forward.dispose();
    model.dispose();
  }
}
