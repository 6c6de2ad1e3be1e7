// Loads models of a class, whole or for a session that reads their values from the file.
import type { PretrainedSource } from '../platform/locate.js';
import type { ModelClass } from './contract.js';
import { loadPretrained, openPretrained, type StoredModel } from './pretrained/load.js';
import type { FromPretrainedOptions, LoadableModel, ModelFactory } from './pretrained/types.js';

/** Loads a model. @throws CheckpointError, ConfigError, HubError */
export async function loadModel<M extends LoadableModel>(
  Model: ModelClass<M>,
  where: PretrainedSource,
  { addPoolingLayer, ...options }: FromPretrainedOptions & { addPoolingLayer?: boolean },
): Promise<M> {
  return loadPretrained(where, Model.className, factoryOf(Model, addPoolingLayer), options);
}

/** Opens a model without reading its values, for a session that reads them from the file. @throws as `loadModel` */
export async function openModel<M extends LoadableModel>(
  Model: ModelClass<M>,
  where: PretrainedSource,
  options: FromPretrainedOptions,
): Promise<StoredModel<M>> {
  return openPretrained(where, Model.className, factoryOf(Model), options);
}

function factoryOf<M extends LoadableModel>(Model: ModelClass<M>, addPoolingLayer?: boolean): ModelFactory<M> {
  const pooling = addPoolingLayer === undefined ? {} : { addPoolingLayer };
  return (config, initializer, loadingReport) => new Model(config, { initializer, loadingReport, ...pooling });
}
