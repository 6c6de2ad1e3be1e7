// pipeline() for browser and Node: op by op on the current backend (WebGPU, WebGL or WebAssembly).
import { tf } from '#tf';
import { loadModel } from '../models/open-model.js';
import { requireEagerPrecision } from '../inference/eager-runner.js';
import { createEagerForwardPass } from '../inference/forward-pass.js';
import { oneOf, requireBatchSize, requireKnown, requireOption } from '../options.js';
import { PREDICTION_PRECISIONS } from '../precision.js';
import { type Pipeline, PIPELINE_OPTIONS, type PipelineName, type PipelineOptions } from './contract.js';
import { createPipeline } from './create.js';
import { loadParts, type PipelineModel } from './load.js';

/**
 * Loads a checkpoint for one task: the address of a folder, or a repository of the hub; or uses a loaded model and its processor.
 * @example
 * const ask = await pipeline('visual-question-answering', 'https://example.org/my-vqa');
 * const answers = await ask({ question: 'What color is the bus?', regions }, { topK: 5 }); // [{ answer, index, score }, ...]
 * await ask.dispose();
 * @throws ConfigError for a task that the checkpoint cannot do, or a precision that the backend cannot have; CheckpointError, HubError
 */
export async function pipeline<T extends PipelineName>(
  task: T,
  dirOrId: string | PipelineModel,
  options: PipelineOptions = {},
): Promise<Pipeline<T>> {
  requireKnown('pipeline', options, PIPELINE_OPTIONS);
  await tf.ready();
  const { precision = 'fp32', ...loading } = options;
  requireBatchSize(loading.batchSize);
  requireOption('precision', precision, oneOf(PREDICTION_PRECISIONS));
  requireEagerPrecision(precision);
  const parts = await loadParts(task, dirOrId, loading, {
    load: async (Model, files, given) => {
      const model = await loadModel(Model, files, given);
      return { model, forward: createEagerForwardPass(model, precision) };
    },
    around: async (model) => createEagerForwardPass(model, precision),
  });
  return createPipeline(parts, loading.batchSize);
}
