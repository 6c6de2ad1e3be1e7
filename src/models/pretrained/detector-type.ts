// The model_type in the config.json of a detector's folder.
import { exists, joinPath, readText } from '#platform';

/** Marks the `config.json` of a converted detector. */
export const DETECTOR_TYPE = 'visualbert_region_detector';

/** Whether a folder is that of a converted detector. */
export async function isDetectorFolder(folder: string): Promise<boolean> {
  const path = joinPath(folder, 'config.json');
  if (!(await exists(path))) return false;
  return typeOf(await readText(path)) === DETECTOR_TYPE;
}

/** The type that a config.json names; undefined for a damaged one. */
function typeOf(json: string): unknown {
  try {
    return (JSON.parse(json) as { model_type?: unknown } | null)?.model_type;
  } catch {
    return undefined;
  }
}
