// Examines a machine: what it has, which backends work, what is missing and how to get it.
import { availableParallelism, freemem, totalmem } from 'node:os';
import { basename } from 'node:path';
import { findCompiler } from '../engine/install/build-addon.js';
import { hasPrebuiltAddons, platformPackage } from '../engine/install/prebuilt.js';
import { currentHost, wheelPlan } from '../engine/install/wheel-table.js';
import { DEFAULT_TENSORFLOW, type DeviceKind } from '../engine/load/engine-id.js';
import { enginesFolder, packageVersion } from '../engine/load/paths.js';
import type { EngineInfo } from '../engine/info.js';
import { errorMessage } from '../errors.js';
import { isSwitchedOn } from '../platform/hub/cache.js';
import { PUBLIC_HUB } from '../platform/hub/options.js';
import { proxiedFetch } from '../platform/hub/proxied-fetch.js';
import { tryBackends } from './backends.js';
import type { MachineReport } from './contract.js';
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
  const id = { tensorflow: DEFAULT_TENSORFLOW, device: 'cpu', platform, arch } as const;
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
    nvidiaDriver: nvidiaDriver(),
    compiler,
    prebuilt: hasPrebuiltAddons(id) ? platformPackage(id) : null,
    engine: engine && {
      ...engine,
      cache: withoutHome(engine.cache),
      installed: engine.installed.map((installed) => ({ ...installed, folder: withoutHome(installed.folder) })),
    },
    caveat: caveatOf(engine),
    backends,
    cache,
    hub,
    optional: optionalPackages(),
  };
  return { ...report, problems: problemsOf(report) };
}

function caveatOf(engine: EngineInfo | null): string | null {
  if (!engine?.tensorflow) return null;
  return wheelPlan(currentHost(), engine.device as DeviceKind, engine.tensorflow).caveat;
}

async function hubState(): Promise<MachineReport['hub']> {
  const address = process.env['HF_ENDPOINT'] ?? PUBLIC_HUB;
  if (isSwitchedOn('HF_HUB_OFFLINE')) return { address, problem: 'not tried: HF_HUB_OFFLINE is set' };
  try {
    const { status } = await proxiedFetch(address, { method: 'HEAD', signal: AbortSignal.timeout(HUB_LIMIT_MS) });
    return { address, problem: status >= 500 ? `status ${status}` : null };
  } catch (error) {
    const { cause } = error as { cause?: unknown };
    return { address, problem: errorMessage(cause ?? error) };
  }
}
