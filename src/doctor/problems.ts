// The problems of a machine, and the command that solves each.
import { gigabytes } from '../words.js';
import { COMPILER_PACKAGES } from '../engine/install/build-addon.js';
import type { MachineProblem, MachineReport } from './contract.js';

/** TensorFlow's wheel and what it unpacks to. */
const ENGINE_BYTES = 1.3e9;

/** A base-size model with its optimizer state and a batch. */
const TRAINING_BYTES = 4e9;

/** The problems of a machine, the most severe first. */
export function problemsOf(report: Omit<MachineReport, 'problems'>): MachineProblem[] {
  const { engine, backends, cache, hub, compiler, prebuilt, isComplete, memoryBytes, nvidiaDriver } = report;
  const problems: MachineProblem[] = [];
  const add = (isSo: boolean, problem: string, remedy: string, needsNetwork = false): void =>
    void (isSo && problems.push({ problem, remedy, needsNetwork }));
  add(!cache.isWritable, `the cache ${cache.folder} cannot be written to`, 'set VISUALBERT_CACHE to a folder that can');
  const isMissing = engine?.tensorflow === null;
  if (isMissing) {
    const canBuild = compiler !== null || prebuilt !== null;
    add(
      true,
      `training and fast prediction need the native engine. ${engine.problem ?? ''}`.trim(),
      commandsIn(engine.problem) ?? 'npx visualbert engine install',
      true,
    );
    add(!canBuild, 'no C++ compiler, which links the engine to Node', COMPILER_PACKAGES, true);
    add(
      cache.isWritable && (cache.freeBytes ?? Infinity) < ENGINE_BYTES,
      `the engine needs ${gigabytes(ENGINE_BYTES)} of disk, ${gigabytes(cache.freeBytes ?? 0)} are free`,
      'free some, or set VISUALBERT_CACHE to a folder on another disk',
    );
  }
  add(
    engine !== null && !isMissing && !isComplete,
    'the addons of the engine were built for another version of visualbert-tfjs: training and fast prediction fail',
    'npx visualbert engine install',
  );
  for (const { backend, problem } of backends) {
    const isKnown = backend === 'tensorflow' && isMissing;
    const isExtra = backend === 'webgpu'; // needs two optional packages and a graphics card
    add(
      problem !== null && !isKnown && !isExtra,
      `the backend ${backend} does not work: ${problem}`,
      commandsIn(problem) ??
        (backend === 'tensorflow'
          ? 'npx visualbert engine remove, then npx visualbert engine install'
          : 'npm ci, or report it with `visualbert doctor --json`'),
      true,
    );
  }
  add(
    nvidiaDriver !== null && engine?.device === 'cpu',
    `there is an NVIDIA card (${nvidiaDriver}), and the engine is for the CPU`,
    'npx visualbert engine install --gpu',
    true,
  );
  for (const { name, state, detail } of engine?.cuda?.libraries ?? [])
    add(state === 'missing', `${name} is missing`, detail, true);
  add(
    memoryBytes < TRAINING_BYTES,
    `${gigabytes(memoryBytes)} of memory: training a base-size model needs about ${gigabytes(TRAINING_BYTES)}`,
    'smaller batches (--batch-size) with --accumulation-steps, or --gradient-checkpointing',
  );
  add(
    hub.problem !== null,
    `${hub.address} does not answer (${hub.problem}): weights cannot be downloaded`,
    'check the network; behind a proxy set HTTPS_PROXY; with a mirror set HF_ENDPOINT; or name folders in place of repository ids',
  );
  return problems;
}

/** The commands that an error's message names between backticks; null where it names none. */
function commandsIn(message: string | null): string | null {
  const commands = [...(message ?? '').matchAll(/`(np[mx] [^`]+)`/g)].map(([, command]) => command);
  return commands.length === 0 ? null : commands.join(', then ');
}
