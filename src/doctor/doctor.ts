// Examines a machine: what it has, which backends work, what is missing and how to get it.
import { availableParallelism, freemem, totalmem } from 'node:os';
import { basename } from 'node:path';
import { findCompiler } from '../engine/install/build-addon.js';
import { isInstalled } from '../engine/install/install.js';
import { hasPrebuiltAddons, platformPackage } from '../engine/install/prebuilt.js';
import { currentHost, wheelPlan } from '../engine/install/wheel-table.js';
import { DEFAULT_TENSORFLOW, type DeviceKind } from '../engine/load/engine-id.js';
import { enginesFolder, packageVersion } from '../engine/load/paths.js';
import type { EngineInfo } from '../engine/info.js';
import { errorMessage } from '../errors.js';
import { isOffline } from '../platform/hub/cache.js';
import { PUBLIC_HUB } from '../platform/hub/options.js';
import { proxiedFetch } from '../platform/hub/proxied-fetch.js';
import { tryBackends } from './backends.js';
import type { MachineReport } from './contract.js';
import { graphicsCards } from './graphics-cards.js';
import { folderState, instructions, nvidiaDriver, optionalPackages, processorName, withoutHome } from './machine.js';
import { problemsOf } from './problems.js';

/** A hub without an answer after this time counts as unreachable. */
const HUB_LIMIT_MS = 5000;

/**
 * Examines this machine. Takes seconds: each backend computes a matrix product, in a process of its own.
 * @example
 * ```ts
 * const { problems } = await examineMachine();
 * for (const { problem, remedy } of problems) console.log(`${problem}: ${remedy}`);
 * ```
 */
export async function examineMachine(): Promise<MachineReport> {
  const { platform, arch, glibc } = currentHost();
  const [hub, cache, compiler] = await Promise.all([
    hubState(),
    folderState(enginesFolder()),
    findCompiler().then(basename, () => null),
  ]);
  const { backends, engine } = await tryBackends();
  const report = {
    package: packageVersion(),
    node: process.version,
    platform: `${platform} ${arch}`,
    glibc,
    processor: processorName(),
    cores: availableParallelism(),
    instructions: instructions(),
    memoryBytes: totalmem(),
    freeMemoryBytes: freemem(),
    cards: graphicsCards(),
    nvidiaDriver: nvidiaDriver(),
    compiler,
    ...addonState(engine),
    engine: engine && {
      ...engine,
      problem: engine.problem && withoutHome(engine.problem),
      cache: withoutHome(engine.cache),
      installed: engine.installed.map((installed) => ({ ...installed, folder: withoutHome(installed.folder) })),
    },
    caveat: caveatOf(engine),
    backends: backends.map((trial) => ({ ...trial, problem: trial.problem && withoutHome(trial.problem) })),
    cache,
    hub,
    optional: optionalPackages(),
  };
  return { ...report, problems: problemsOf(report) };
}

/** Where the addons come from. A package without their sources has none; the engine's problem names what is missing. */
function addonState(engine: EngineInfo | null): Pick<MachineReport, 'prebuilt' | 'isComplete'> {
  const { platform, arch } = currentHost();
  const { tensorflow, device } = engine ?? {};
  const id = { tensorflow: tensorflow ?? DEFAULT_TENSORFLOW, device: (device ?? 'cpu') as DeviceKind, platform, arch };
  try {
    return { prebuilt: hasPrebuiltAddons(id) ? platformPackage(id) : null, isComplete: isInstalled(id) };
  } catch {
    return { prebuilt: null, isComplete: false };
  }
}

function caveatOf(engine: EngineInfo | null): string | null {
  if (!engine?.tensorflow) return null;
  return wheelPlan(currentHost(), engine.device as DeviceKind, engine.tensorflow).caveat;
}

async function hubState(): Promise<MachineReport['hub']> {
  const address = process.env['HF_ENDPOINT'] ?? PUBLIC_HUB;
  if (isOffline()) return { address, problem: null, isOffline: true };
  try {
    const { status } = await proxiedFetch(address, { method: 'HEAD', signal: AbortSignal.timeout(HUB_LIMIT_MS) });
    return { address, problem: status >= 500 ? `status ${status}` : null, isOffline: false };
  } catch (error) {
    const { cause } = error as { cause?: unknown };
    return { address, problem: errorMessage(cause ?? error), isOffline: false };
  }
}
