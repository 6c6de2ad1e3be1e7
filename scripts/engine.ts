// visualbert engine install|info|remove: the native engine in the per-user cache.
import cliProgress from 'cli-progress';
import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import { JSON_FLAG } from './flags/results.js';
import { megabytes } from './results/count-bar.js';
import { engineInfo, installEngine, removeEngines, type EngineInfo, type InstallProgress } from '../src/node.js';

interface InstallArguments {
  gpu: boolean;
  'if-missing': boolean;
  tensorflow?: string;
  json: boolean;
}

const install: CommandModule<object, InstallArguments> = {
  command: 'install',
  describe: 'Fetch TensorFlow from PyPI and link it to Node (needs a C++ compiler)',
  builder: (yargs: Argv) =>
    yargs
      .option('gpu', {
        type: 'boolean',
        default: false,
        describe: 'with the CUDA 12 and cuDNN 9 libraries, about 3 GB; Linux x64, needs only the NVIDIA driver',
      })
      .option('tensorflow', {
        type: 'string',
        describe: 'version of TensorFlow, such as 2.20.0',
        defaultDescription: 'the tested one',
      })
      .option('if-missing', {
        type: 'boolean',
        default: false,
        describe: 'keep an installed engine of any version, and print nothing',
      })
      .options(JSON_FLAG)
      .example('$0 engine install', 'install for the CPU; a second call is instant')
      .example('$0 engine install --gpu', 'install for an NVIDIA card'),
  handler: async ({ gpu, ifMissing, tensorflow, json }: ArgumentsCamelCase<InstallArguments>) => {
    const progress = progressPrinter();
    const result = await installEngine({
      device: gpu ? 'gpu' : 'cpu',
      ifMissing,
      ...(tensorflow === undefined ? {} : { tensorflowVersion: tensorflow }),
      onProgress: progress.show,
    }).finally(progress.stop);
    if (json) return console.log(JSON.stringify(result, null, 2));
    if (ifMissing && !result.changed) return;
    const what = `TensorFlow ${result.tensorflow} for ${result.platform} ${result.arch}, ${result.device}`;
    console.log(`${what}: ${result.changed ? 'installed' : 'already installed'} in ${result.folder}`);
    if (result.caveat !== null) console.log(`This engine is ${result.caveat}: please report whether it works.`);
  },
};

const info: CommandModule<object, { json: boolean }> = {
  command: 'info',
  describe: 'Show version, devices, threads, cache, and the CUDA libraries of a GPU engine',
  builder: (yargs: Argv) =>
    yargs.options(JSON_FLAG).example('$0 engine info --json', 'for programs') as unknown as Argv<{ json: boolean }>,
  handler: async ({ json }) => {
    const report = await engineInfo();
    console.log(json ? JSON.stringify(report, null, 2) : infoText(report));
  },
};

const remove: CommandModule<object, { json: boolean }> = {
  command: 'remove',
  describe: 'Delete every installed engine from the cache',
  builder: (yargs: Argv) =>
    yargs.options(JSON_FLAG).example('$0 engine remove', 'free the disk') as unknown as Argv<{ json: boolean }>,
  handler: async ({ json }) => {
    const removed = await removeEngines();
    if (json) return console.log(JSON.stringify({ removed }, null, 2));
    if (removed.length === 0) console.log('No engine is installed.');
    for (const engine of removed) console.log(`removed ${engine.folder} (${megabytes(engine.bytes)} MB)`);
  },
};

export const command: CommandModule = {
  command: 'engine',
  describe: 'Install, show or remove the native engine',
  builder: (yargs) =>
    yargs
      .command(install)
      .command(info)
      .command(remove)
      .example('$0 engine install', 'for the CPU; --gpu for an NVIDIA card')
      .demandCommand(1, 'Expected a subcommand: install, info or remove.'),
  handler: () => undefined,
};

function infoText(report: EngineInfo): string {
  const lines = [
    `TensorFlow  ${report.tensorflow ?? `none: ${report.problem}`}`,
    `Node        ${report.node}`,
    `Devices     ${report.devices.join(', ') || '-'}`,
    `Threads     ${report.threads}`,
    `oneDNN      ${report.tensorflow === null ? '-' : report.oneDnn ? 'on' : 'off'}`,
    `Cache       ${report.cache}`,
    ...report.installed.map((engine) => `            ${engine.name}  ${megabytes(engine.bytes)} MB`),
  ];
  if (report.cuda !== null) {
    lines.push(`Driver      ${report.cuda.driver.detail}`);
    for (const library of report.cuda.libraries)
      lines.push(`${library.name.padEnd(12)}${library.state}: ${library.detail}`);
  }
  return lines.join('\n');
}

/** A bar on a terminal, one line per stage otherwise. */
function progressPrinter(): { show: (progress: InstallProgress) => void; stop: () => void } {
  let last = '';
  let bar: cliProgress.SingleBar | null = null;
  const stop = (): void => {
    bar?.stop();
    bar = null;
  };
  const show = ({ stage, what, done, total }: InstallProgress): void => {
    const label = `${stage} ${what}`;
    if (label !== last) {
      stop();
      last = label;
      if (total > 0 && process.stderr.isTTY) {
        bar = new cliProgress.SingleBar({
          format: `${label} {bar} {percentage}% of ${megabytes(total)} MB`,
          stream: process.stderr,
        });
        bar.start(total, done);
      } else console.error(total > 0 ? `${label} (${megabytes(total)} MB)` : label);
    }
    bar?.update(done);
  };
  return { show, stop };
}
