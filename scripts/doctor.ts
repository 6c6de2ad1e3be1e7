// visualbert doctor: reports what this machine has, which backends work, what is missing and the command that fixes each problem.
import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import { JSON_FLAG } from './flags/results.js';
import { counted, examineMachine, type MachineReport } from '../src/node.js';
import { gigabytes } from './flags/internal.js';
import { fold, pageWidth } from './terminal/help.js';

export const command: CommandModule<object, { json: boolean }> = {
  command: 'doctor',
  describe: 'Examine this machine: which backends work, what is missing, and how to fix it',
  builder: (yargs: Argv) =>
    yargs
      .options(JSON_FLAG)
      .example('$0 doctor', 'a report; exit code 1 if there is a problem')
      .example('$0 doctor --json', 'to paste into an issue') as unknown as Argv<{ json: boolean }>,
  handler: async ({ json }: ArgumentsCamelCase<{ json: boolean }>) => {
    const report = await examineMachine();
    console.log(json ? JSON.stringify(report, null, 2) : reportLines(report, pageWidth()).join('\n'));
    if (report.problems.length > 0) process.exitCode = 1;
  },
};

/** Column of what is said about a part of the machine. */
const COLUMN = 13;

function reportLines(report: MachineReport, width: number): string[] {
  const { engine, caveat, backends, cache, hub, optional, problems } = report;
  const line = (name: string, text: string): string => {
    const [first = '', ...others] = fold(text, width, COLUMN, COLUMN);
    return [name.padEnd(COLUMN) + first.trimStart(), ...others].join('\n');
  };
  const free = cache.freeBytes === null ? '' : `, ${gigabytes(cache.freeBytes)} free`;
  return [
    line('package', `visualbert-tfjs ${report.package}, Node ${report.node.replace(/^v/, '')}`),
    line('system', `${report.platform}${report.glibc === null ? '' : `, glibc ${report.glibc}`}`),
    line('processor', `${report.processor}, ${counted(report.cores, 'core')}`),
    line('', report.instructions.join(' ') || 'instruction sets unknown'),
    line('memory', `${gigabytes(report.memoryBytes)}, ${gigabytes(report.freeMemoryBytes)} free`),
    line('GPU', cardsText(report)),
    line('compiler', report.compiler ?? 'none'),
    line('addons', report.prebuilt ?? (report.isComplete ? 'compiled on this machine' : 'to be compiled')),
    line('cache', `${cache.folder}${free}${cache.isWritable ? '' : ', not writable'}`),
    line('engine', engine?.tensorflow ? `TensorFlow ${engine.tensorflow}, ${engine.device}` : 'none works'),
    ...(caveat === null ? [] : [line('', caveat)]),
    ...(engine?.installed ?? []).map(({ name, bytes }) => line('', `${name}, ${gigabytes(bytes)}`)),
    line('hub', hubText(hub)),
    '',
    'backends',
    ...backends.map(({ backend, problem, gigaflops }) =>
      line(`  ${backend}`, problem === null ? `works, ${speed(gigaflops ?? 0)} GFLOP/s` : firstLine(problem)),
    ),
    'optional packages',
    ...optional.map(({ name, version, use }) => line(`  ${name}`, `${version ?? 'not installed'} (${use})`)),
    '',
    ...(problems.length === 0
      ? ['No problems found.']
      : problems.flatMap((one, index) => problemLines(one, index, hub.isOffline, width))),
  ];
}

/** What is known of graphics cards: from the system, from NVIDIA's driver, and from WebGPU. */
function cardsText({ platform, cards, nvidiaDriver, backends }: MachineReport): string {
  const known = [...cards, nvidiaDriver, ...backends.map(({ card }) => card)].filter((text) => text !== null);
  if (known.length > 0) return known.join('; ');
  return platform.startsWith('linux')
    ? 'the system lists no card'
    : 'unknown here; the backend webgpu names the card where it works';
}

function hubText({ address, problem, isOffline }: MachineReport['hub']): string {
  if (isOffline) return `${address}: not tried, HF_HUB_OFFLINE is set: only downloaded weights are used`;
  return problem === null ? `${address} answers` : `${address}: ${problem}`;
}

function problemLines(
  { problem, remedy, needsNetwork }: MachineReport['problems'][number],
  index: number,
  isOffline: boolean,
  width: number,
): string[] {
  const howTo = needsNetwork && isOffline ? 'to fix it (needs the network; HF_HUB_OFFLINE is set)' : 'to fix it';
  return [
    ...fold(`${index + 1}. ${problem.replaceAll('\n', ' ')}`, width, 0, 3),
    ...fold(`${howTo}: ${remedy}`, width, 3, 3),
  ];
}

/** Whole from 10 on: plain JavaScript makes less than one. */
function speed(gigaflops: number): string {
  return gigaflops.toFixed(gigaflops < 10 ? 1 : 0);
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? '';
}
