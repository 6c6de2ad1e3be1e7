// Opens a detector by a path, an address or a repository of the hub: its weights in whatever format, and its settings.
import { type HubOptions, isFolder, listFolder, openSource, readText } from '#platform';
import { openTensorFile } from '../../checkpoint/open.js';
import type { TensorFile } from '../../checkpoint/tensor-file.js';
import { CheckpointError, ConfigError, errorMessage } from '../../errors.js';
import { isPlainPickle, openPickledTensors } from '../../formats/pickled-tensors.js';
import { locatePretrained, type PretrainedFiles } from '../../platform/locate.js';
import { openWeights, WEIGHT_FILES } from '../../models/pretrained/open-weights.js';
import { checkedDetectorConfig } from '../detector/check-config.js';
import type { DetectorConfig } from '../detector/config.js';
import { DETECTOR_NAMES, namedDetector } from '../detector/presets.js';

/** Marks the `config.json` of a converted detector. */
export const MODEL_TYPE = 'visualbert_region_detector';

/** What a detector is read as. */
export interface DetectorChoice {
  /** A name (see `namedDetector`) or settings of one's own. Default: those beside the weights, which `visualbert convert` writes. */
  detector?: string | DetectorConfig;
}

/** A detector that was found. The caller closes the file. */
export interface OpenedDetector {
  /** The name it has or was given; null for settings of one's own. */
  name: string | null;
  config: DetectorConfig;
  file: TensorFile;
}

/** @throws CheckpointError when there are no weights, ConfigError when nothing says which detector it is. */
export async function openDetector(
  where: string,
  { detector, ...options }: DetectorChoice & HubOptions = {},
): Promise<OpenedDetector> {
  const files = await locatePretrained(where, options);
  const { name, config } = detector === undefined ? await savedSettings(files) : givenSettings(detector);
  return { name, config, file: await openFile(where, files) };
}

function givenSettings(detector: string | DetectorConfig): Omit<OpenedDetector, 'file'> {
  return typeof detector === 'string'
    ? { name: detector, config: namedDetector(detector) }
    : { name: null, config: checkedDetectorConfig(detector) };
}

async function savedSettings(files: PretrainedFiles): Promise<Omit<OpenedDetector, 'file'>> {
  const path = await files.find('config.json');
  const { model_type: type, name, ...config } = path === null ? {} : await readObject(path);
  if (type !== MODEL_TYPE) {
    throw new ConfigError(
      `${files.name}: expected the name of its detector, one of ${DETECTOR_NAMES.join(', ')}; there is no config.json of a converted detector beside it`,
    );
  }
  return { name: typeof name === 'string' ? name : null, config: checkedDetectorConfig(config) };
}

async function readObject(path: string): Promise<Record<string, unknown>> {
  try {
    const json: unknown = JSON.parse(await readText(path));
    if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as Record<string, unknown>;
  } catch (error) {
    throw new CheckpointError(`${path}: is not JSON (${errorMessage(error).slice(0, 120)}); correct or remove it`);
  }
  throw new CheckpointError(`${path}: expected a JSON object`);
}

async function openFile(where: string, files: PretrainedFiles): Promise<TensorFile> {
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
