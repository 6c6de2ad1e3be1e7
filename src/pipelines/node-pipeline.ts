// pipeline() in Node: on the native engine where it is installed, op by op on WebAssembly elsewhere.
import { openModel } from '../models/open-model.js';
import { createForwardPass, loadForwardPass } from '../inference/open-forward-pass.js';
import { requireBatchSize, requireKnown } from '../options.js';
import { type Pipeline, PIPELINE_OPTIONS, type PipelineName, type PipelineOptions } from './contract.js';
import { createPipeline } from './create.js';
import { loadParts, type PipelineModel, type PipelineSource } from './load.js';

/** Options of `pipeline` in Node. */
export interface NodePipelineOptions extends PipelineOptions {
  /** Record the forward pass once for each shape of its inputs. Default: true with the native engine; false gives the first answer sooner. */
  compile?: boolean;
}

/**
 * Loads a checkpoint for one task: a folder, an address, or a repository of the hub; or uses a loaded model and its processor.
 * @example
 * const ask = await pipeline('visual-question-answering', 'runs/vqa');
 * const answers = await ask({ question: 'What color is the bus?', regions }, { topK: 5 }); // [{ answer, index, score }, ...]
 * await ask.dispose();
 * @throws ConfigError for a task that the checkpoint cannot do, or a precision that the backend cannot have; CheckpointError, HubError, DataError
 */
export async function pipeline<T extends PipelineName>(
  task: T,
  dirOrId: string | PipelineModel,
  given: NodePipelineOptions = {},
): Promise<Pipeline<T>> {
  return openPipeline(task, dirOrId, given);
}

/** `pipeline` of files that may be located already. */
export async function openPipeline<T extends PipelineName>(
  task: T,
  source: PipelineSource,
  given: NodePipelineOptions,
): Promise<Pipeline<T>> {
  requireKnown('pipeline', given, [...PIPELINE_OPTIONS, 'compile']);
  const { precision, compile, ...options } = given;
  requireBatchSize(options.batchSize);
  const computing = { compile, ...(precision === undefined ? {} : { precision }) };
  const parts = await loadParts(task, source, options, {
    load: (Model, files, loading) => loadForwardPass(() => openModel(Model, files, loading), computing),
    around: (model) => createForwardPass(model, computing),
  });
  return createPipeline(parts, given.batchSize);
}
