// Loads models of a class, whole or for a session that reads their values from the file.
import type { VisualBertConfig } from '../config/config.js';
import type { WeightInitializer } from '../layers/initializers.js';
import type { PretrainedPlace } from '../platform/locate.js';
import type { ModelClass } from './contract.js';
import { loadPretrained, openPretrained, type StoredModel } from './pretrained/load.js';
import type { FromPretrainedOptions, LoadableModel, LoadingReport } from './pretrained/types.js';

/** A model that keeps the report of its loading. */
export interface ReportedModel extends LoadableModel {
  loadingReport: LoadingReport | null;
}

/** Loads a model. @throws CheckpointError, ConfigError, HubError */
export async function loadModel<M extends ReportedModel>(
  Model: ModelClass<M>,
  where: PretrainedPlace,
  { addPoolingLayer, ...options }: FromPretrainedOptions & { addPoolingLayer?: boolean },
): Promise<M> {
  const { model, report } = await loadPretrained(where, Model.className, factoryOf(Model, addPoolingLayer), options);
  model.loadingReport = report;
  return model;
}

/** Opens a model without reading its values, for a session that reads them from the file. @throws as `loadModel` */
export async function openModel<M extends ReportedModel>(
  Model: ModelClass<M>,
  where: PretrainedPlace,
  options: FromPretrainedOptions,
): Promise<StoredModel<M>> {
  const stored = await openPretrained(where, Model.className, factoryOf(Model), options);
  const close = async (): Promise<void> => {
    stored.model.loadingReport = stored.report();
    await stored.close();
  };
  return { ...stored, close };
}

function factoryOf<M>(
  Model: ModelClass<M>,
  addPoolingLayer?: boolean,
): (config: VisualBertConfig, initializer: WeightInitializer) => M {
  const pooling = addPoolingLayer === undefined ? {} : { addPoolingLayer };
  return (config, initializer) => new Model(config, { initializer, ...pooling });
}
