// Opens the weights (any format) and settings of a detector by path, URL or hub repository.
import { type HubOptions, isFolder, listFolder, openSource } from '#platform';
import { openTensorFile } from '../../checkpoint/open.js';
import type { TensorFile } from '../../checkpoint/tensor-file.js';
import { ConfigError } from '../../errors.js';
import { isPlainPickle, openPickledTensors } from '../../checkpoint/pickled-tensors.js';
import { readJsonObject } from '../../platform/json-file.js';
import { locatePretrained, type PretrainedFiles } from '../../platform/locate.js';
import { DETECTOR_TYPE } from '../../models/pretrained/detector-type.js';
import { openWeights, WEIGHT_FILES } from '../../models/pretrained/open-weights.js';
import { checkedDetectorConfig } from '../detector/check-config.js';
import type { DetectorConfig } from '../detector/config.js';
import { DETECTOR_NAMES, type DetectorName, namedDetector } from '../detector/presets.js';
import type { DetectorLayout } from './layouts.js';
import { PUBLISHED_WEIGHTS } from './published.js';

/** Selects the detector. */
export interface DetectorChoice {
  /** A name (see `namedDetector`) or custom settings. Default: the settings that `visualbert convert` writes next to the weights. */
  detector?: string | DetectorConfig;
}

/** An opened detector. The caller closes the file. */
export interface OpenedDetector {
  /** Preset name; null for custom settings. */
  name: string | null;
  config: DetectorConfig;
  /** The layout that the file must have; null for any. */
  layout: DetectorLayout['name'] | null;
  file: TensorFile;
}

/** @throws CheckpointError when there are no weights; ConfigError when the detector is not named. */
export async function openDetector(
  where: string,
  { detector, ...options }: DetectorChoice & HubOptions = {},
): Promise<OpenedDetector> {
  const files = await locatePretrained(where, options);
  const settings = detector === undefined ? await savedSettings(files) : givenSettings(detector);
  if (settings === null) {
    throw new ConfigError(
      `${files.name}: expected the name of its detector, one of ${DETECTOR_NAMES.join(', ')}, or a converted detector's config.json next to it`,
    );
  }
  return { ...settings, file: await openFile(where, files) };
}

function givenSettings(detector: string | DetectorConfig): Omit<OpenedDetector, 'file'> {
  if (typeof detector !== 'string') return { name: null, config: checkedDetectorConfig(detector), layout: null };
  const config = namedDetector(detector);
  return { name: detector, config, layout: PUBLISHED_WEIGHTS[detector as DetectorName].layout };
}

/** The settings of a converted detector; null without its config.json. @throws ConfigError when they are invalid */
export async function savedSettings(files: PretrainedFiles): Promise<Omit<OpenedDetector, 'file'> | null> {
  const { model_type: type, name, ...config } = (await readJsonObject(files, 'config.json')) ?? {};
  if (type !== DETECTOR_TYPE) return null;
  return {
    name: typeof name === 'string' ? name : null,
    config: checkedDetectorConfig(config, `${files.name}/config.json`),
    layout: null,
  };
}

/** Opens the weights of a detector in any format. */
export async function openFile(where: string, files: PretrainedFiles): Promise<TensorFile> {
  if (files.weights !== null && !files.weights.endsWith('.json')) return openAny(files.weights);
  const others = (await isFolder(where)) ? (await listFolder(where)).filter((name) => /\.(pkl|pth)$/.test(name)) : [];
  const [only] = others;
  if (only === undefined || others.length > 1) return openWeights(files);
  for (const name of WEIGHT_FILES) if ((await files.find(name)) !== null) return openWeights(files);
  return openAny((await files.find(only)) as string);
}

async function openAny(path: string): Promise<TensorFile> {
  const source = await openSource(path);
  return (await isPlainPickle(source)) ? openPickledTensors(source) : openTensorFile(source);
}
