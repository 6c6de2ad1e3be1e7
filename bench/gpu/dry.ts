// Checks the GPU engine without a card: TensorFlow's GPU libraries load, and have kernels for all operations of recorded steps.
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheRoot } from '../../src/platform/cache-root.js';
import { installAddons } from '../../src/engine/install/install.js';
import { installLibraries } from '../../src/engine/install/libraries.js';
import { currentHost, wheelPlan } from '../../src/engine/install/wheel-table.js';
import { DEFAULT_TENSORFLOW } from '../../src/engine/load/engine-id.js';
import { enginesFolder, hasLibraries } from '../../src/engine/load/paths.js';
import type { StepPlacement } from './recorded-step.js';

/** oneDNN would take products of the CPU out of XLA's clusters. */
const WITH_XLA = { TF_XLA_FLAGS: '--tf_xla_auto_jit=2 --tf_xla_cpu_global_jit', TF_ENABLE_ONEDNN_OPTS: '0' };

/** Of the wheels of a GPU engine: TensorFlow's alone. CUDA's libraries are loaded only where there is a card. */
export const DRY_WHEELS = 1;

/** The report, and whether every operation is placed on the GPU. From then on the engine of this process is the one that was installed here. */
export async function dryReport(): Promise<{ text: string; isPlaced: boolean }> {
  // A cache of its own: TensorFlow's wheel without CUDA's would pass for a GPU engine elsewhere.
  const cache = join(cacheRoot(), 'gpu-dry');
  process.env.VISUALBERT_CACHE = cache;
  await installTensorFlow();
  const steps = recordedSteps({});
  const text = [placementText(steps), clusterText(recordedSteps(WITH_XLA))].join('\n\n');
  return { text, isPlaced: steps.every(({ placement }) => placement.onCpu.length === 0) };
}

/** Runs recorded-step.ts: TensorFlow reads its settings once in a process. */
function recordedSteps(settings: NodeJS.ProcessEnv): StepPlacement[] {
  const program = fileURLToPath(new URL('recorded-step.js', import.meta.url));
  const quiet = { TF_CPP_MIN_LOG_LEVEL: '3' }; // errors are about the missing card
  const env = { ...process.env, ...quiet, VISUALBERT_DEVICE: 'gpu', VISUALBERT_BACKEND: undefined, ...settings };
  return JSON.parse(
    execFileSync(process.execPath, [program], { env, encoding: 'utf8', maxBuffer: 2 ** 28 }),
  ) as StepPlacement[];
}

/** TensorFlow's wheel with its CUDA kernels, and the addons. */
async function installTensorFlow(): Promise<void> {
  const { platform, arch } = currentHost();
  const id = { tensorflow: DEFAULT_TENSORFLOW, device: 'gpu', platform, arch } as const;
  const log = ({ stage, what }: { stage: string; what: string }): void => {
    if (stage === 'compile' || stage === 'verify') console.error(`${stage} ${what}`);
  };
  const { wheels, ...plan } = wheelPlan(currentHost(), 'gpu');
  mkdirSync(enginesFolder(), { recursive: true });
  if (!hasLibraries(id))
    await installLibraries(id, { ...plan, wheels: wheels.slice(0, DRY_WHEELS), unpackedBytes: 1.5e9 }, log);
  await installAddons(id, log);
}

function placementText(steps: readonly StepPlacement[]): string {
  const lines = steps.map(({ model, precision, placement: { operations, onGpu, onCpu }, loss }) => {
    const kept = [
      ...new Set(onCpu.map(({ type, because }) => (type === because ? type : `${type} (with ${because})`))),
    ];
    return `| ${model} | ${precision} | ${operations} | ${onGpu.length} | ${onCpu.length} | ${kept.join(', ') || '-'} | ${loss.toFixed(4)} |`;
  });
  const types = [...new Set(steps.flatMap(({ placement }) => placement.onGpu))].sort();
  return [
    `## Placement of recorded steps, TensorFlow ${DEFAULT_TENSORFLOW}`,
    'Steps as they are recorded for a card (composed operations), placed by the kernels that TensorFlow’s GPU libraries register for `GPU`. The loss is that of the\nsame graph on the CPU.',
    [
      '| model | precision | operations | types on the GPU | operations on the CPU | of type | loss |',
      '|---|---|---|---|---|---|---|',
      ...lines,
    ].join('\n'),
    `Types with a GPU kernel: ${types.join(', ')}.`,
  ].join('\n\n');
}

/** Operations that only pass values in and out of clusters, and variables' handles. */
const AROUND_CLUSTERS = new Set([
  '_XlaCompile',
  '_XlaRun',
  '_XlaMerge',
  '_Arg',
  '_Retval',
  'Switch',
  'Merge',
  'NoOp',
  'VarHandleOp',
]);

function clusterText(steps: readonly StepPlacement[]): string {
  const lines = steps.map(({ model, precision, placement: { operations }, loss, executed }) => {
    const clusters = executed?.find(({ type }) => type === '_XlaRun')?.count ?? 0;
    const outside = (executed ?? []).filter(({ type }) => !AROUND_CLUSTERS.has(type));
    const types = outside.map(({ type, count }) => `${count} ${type}`).join(', ');
    return `| ${model} | ${precision} | ${operations} | ${clusters} | ${types || '-'} | ${loss.toFixed(4)} |`;
  });
  return [
    '## XLA’s clusters',
    'The same steps, run on the CPU with `--xla`: what runs beside the clusters, apart from handles and values that pass into clusters and out of them.',
    [
      '| model | precision | operations | clusters | operations outside, by type | loss |',
      '|---|---|---|---|---|---|',
      ...lines,
    ].join('\n'),
  ].join('\n\n');
}
