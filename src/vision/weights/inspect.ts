// What a detector's file is, from its header and its settings, without reading values.
import { type InspectedFile, inspectFile, type TensorFile } from '../../checkpoint/tensor-file.js';
import { CheckpointError, errorMessage } from '../../errors.js';
import { requirePath } from '../../options.js';
import { locatePretrained } from '../../platform/locate.js';
import { type DetectorConfig, featureDim } from '../detector/config.js';
import { attributeNamesOf, classNamesOf } from '../class-names.js';
import { type DetectorName, namedDetector } from '../detector/presets.js';
import type { DetectorLayout } from './layouts.js';
import { openFile, savedSettings } from './open.js';
import { candidatesOf, layoutOf, planWeights, type WeightPlan } from './plan.js';

/** What `inspectDetector` found. */
export interface DetectorInspection extends InspectedFile {
  /** Whose names the keys have; `own` after `visualbert convert`. */
  layout: DetectorLayout['name'];
  /** The name in the settings of a converted detector; null for one of your own, and before conversion. */
  name: string | null;
  /** Before conversion: the known detectors whose tensors these are. */
  candidates: DetectorName[];
  /** Its settings, or those of the first candidate; null when they are unknown. */
  config: DetectorConfig | null;
  /** Width of the features; null when it is unknown. */
  dim: number | null;
  /** Names by index; empty when they are unknown. */
  classNames: readonly string[];
  attributeNames: readonly string[];
  /** What keeps it from being loaded. */
  notes: string[];
}

/**
 * Inspects the file, folder, address or repository of a region detector, before or after its conversion.
 * @returns null when it holds none.
 * @throws CheckpointError when the file cannot be read; ConfigError for invalid settings.
 * @example
 * const found = await inspectDetector('runs/detector');
 * if (found !== null) console.log(found.config.backbone, found.dim);
 */
export async function inspectDetector(where: string): Promise<DetectorInspection | null> {
  requirePath('inspectDetector', where);
  const files = await locatePretrained(where);
  // The folder of any other model is left to `inspectCheckpoint`.
  if (files.weights === null && (await savedSettings(files)) === null) return null;
  const file = await openFile(where, files);
  try {
    const layout = layoutOf(file);
    if (layout === null) return null;
    const saved = layout.name === 'own' ? await savedSettings(files) : null;
    return describe(file, layout.name, saved, candidatesOf(file, layout));
  } finally {
    await file.close();
  }
}

function describe(
  file: TensorFile,
  layout: DetectorLayout['name'],
  saved: { name: string | null; config: DetectorConfig } | null,
  candidates: DetectorName[],
): DetectorInspection {
  const [first] = candidates;
  const config = saved?.config ?? (first === undefined ? null : namedDetector(first));
  const planned = config === null ? UNKNOWN : tryPlan(file, config);
  const meanings = typeof planned === 'string' ? new Map<string, string>() : meaningsOf(planned);
  const stored = { name: saved?.name ?? first ?? null, settings: { ...config } };
  return {
    ...inspectFile(file, (key) => meanings.get(key) ?? 'unknown'),
    ...{ layout, name: saved?.name ?? null, candidates, config, dim: config === null ? null : featureDim(config) },
    ...{ classNames: classNamesOf(stored), attributeNames: attributeNamesOf(stored) },
    notes: typeof planned === 'string' ? [planned] : [],
  };
}

const UNKNOWN =
  'its settings are unknown: no config.json of a converted detector is next to it, and it is none of the known detectors';

/** The use of each tensor, or why the file does not fit the settings. */
function tryPlan(file: TensorFile, config: DetectorConfig): WeightPlan | string {
  try {
    return planWeights(file, config);
  } catch (error) {
    if (error instanceof CheckpointError) return errorMessage(error);
    throw error;
  }
}

/** What each key is for: the name of its layer, or why it is skipped. */
function meaningsOf({ layers, skipped }: WeightPlan): Map<string, string> {
  const used = layers.flatMap(({ layer: { name }, keys: { weight, bias, norm = {} } }): [string, string][] => [
    [weight, `${name}.weight`],
    ...(bias === undefined ? [] : [[bias, `${name}.bias`] satisfies [string, string]]),
    ...Object.values(norm).map((key): [string, string] => [key, `folded into ${name}`]),
  ]);
  return new Map([...used, ...skipped.map(({ key, reason }): [string, string] => [key, reason])]);
}
