// Chooses which of the installed engines to load.
import { existsSync, readFileSync } from 'node:fs';
import { EngineError } from '../../errors.js';
import { activeFile, addonFile, addonSources, hasLibraries } from './paths.js';
import { DEFAULT_TENSORFLOW, type DeviceKind, type EngineId, requireDeviceKind } from './engine-id.js';

/**
 * The engine to load: the one installed last, if it fits this package's sources; else any other that does.
 * `VISUALBERT_DEVICE` (cpu or gpu) and `VISUALBERT_TENSORFLOW` (a version) choose another.
 * @throws EngineError when none is installed; the message says how to install one.
 */
export function findEngine(env: NodeJS.ProcessEnv = process.env): EngineId {
  const binding = addonSources().find((addon) => addon.name === 'tfjs_binding');
  const candidates = enginesWithLibraries(env);
  const found = candidates.find((id) => binding !== undefined && existsSync(addonFile(id, binding)));
  if (found !== undefined) return found;
  const version = env.VISUALBERT_TENSORFLOW;
  const flags = `${env.VISUALBERT_DEVICE === 'gpu' ? ' --gpu' : ''}${version ? ` --tensorflow ${version}` : ''}`;
  const install = `\`npx visualbert engine install${flags}\``;
  const asked = version ? ` with TensorFlow ${version} (VISUALBERT_TENSORFLOW)` : '';
  throw new EngineError(
    candidates.length === 0
      ? `The native engine${asked} is not installed: run ${install}.`
      : `The native engine was compiled for another version of visualbert-tfjs: run ${install}, it takes seconds.`,
  );
}

/**
 * Engines whose libraries are complete, the preferred one first; their addons may be missing or outdated.
 * @throws EngineError when `VISUALBERT_DEVICE` names no device.
 */
export function enginesWithLibraries(env: NodeJS.ProcessEnv = process.env): EngineId[] {
  const { platform, arch } = process;
  const device = env.VISUALBERT_DEVICE;
  const devices: DeviceKind[] = device ? [requireDeviceKind('VISUALBERT_DEVICE', device)] : ['gpu', 'cpu'];
  const version = env.VISUALBERT_TENSORFLOW || null;
  const active = readActive();
  const isWanted = (id: EngineId): boolean =>
    devices.includes(id.device) && (version === null || id.tensorflow === version);
  return [
    ...(active !== null && isWanted(active) ? [{ ...active, platform, arch }] : []),
    ...devices.map((kind): EngineId => ({ tensorflow: version ?? DEFAULT_TENSORFLOW, device: kind, platform, arch })),
  ].filter(hasLibraries);
}

function readActive(): EngineId | null {
  try {
    return JSON.parse(readFileSync(activeFile(), 'utf8')) as EngineId;
  } catch {
    return null;
  }
}
