// `npm run gpu-report`: writes one Markdown file with the tests on an NVIDIA card, and the benchmark against PyTorch.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { currentHost, wheelPlan } from '../../src/engine/install/wheel-table.js';
import { enginesFolder } from '../../src/engine/load/paths.js';
import { cudaReport } from '../../src/engine/load/cuda.js';
import { provenance } from '../machine/provenance.js';
import { canImport, checkoutFolder } from '../subjects/python-env.js';
import { VISUALBERT } from '../subjects/visualbert.js';
import { dryReport, DRY_WHEELS } from './dry.js';

const flags = await yargs(hideBin(process.argv))
  .scriptName('npm run gpu-report --')
  .usage(
    '$0 [flags]\n\nInstalls the GPU engine, runs the GPU tests and the bench on an NVIDIA card, and writes one Markdown file.',
  )
  .option('dry', {
    boolean: true,
    default: false,
    describe: 'without a card: place recorded steps, and run the tests on the CPU with the operations of a card',
  })
  .option('out', { string: true, default: 'gpu-report.md', describe: 'the file to write' })
  .strict()
  .parseAsync();

const { wheels } = wheelPlan(currentHost(), 'gpu');
const sections: string[] = [
  `# ${flags.dry ? 'What was checked without a card' : 'On a card'}`,
  `Made by \`npm run gpu-report${flags.dry ? ' -- --dry' : ''}\`.`,
  provenance(checkoutFolder(), flags.dry ? wheels.slice(0, DRY_WHEELS) : wheels),
];
if (flags.dry) {
  const { text, isPlaced } = await dryReport();
  sections.push(text);
  if (!isPlaced) process.exitCode = 1;
  sections.push(
    testSection('Tests, rehearsed on the CPU', { VISUALBERT_GPU_REHEARSAL: '1', TF_CPP_MIN_LOG_LEVEL: '3' }),
  );
} else {
  requireCard();
  installEngine();
  sections.push(fenced('visualbert engine info', visualbert('engine', 'info').output));
  sections.push(fenced('nvidia-smi', run('nvidia-smi', []).output));
  sections.push(testSection('Tests', {}), testSection('Tests, with XLA', { TF_XLA_FLAGS: '--tf_xla_auto_jit=2' }));
  sections.push(benchSection());
}
writeFileSync(flags.out, `${sections.join('\n\n')}\n`);
console.error(`written: ${flags.out}`);

function requireCard(): void {
  const { driver } = cudaReport(enginesFolder(), []);
  if (driver.present) return;
  console.error(
    `No report: this machine has ${driver.detail}.\n\`npm run gpu-report -- --dry\` checks what can be checked without a card.`,
  );
  process.exit(1);
}

function installEngine(): void {
  const { ok } = visualbert('engine', 'install', '--gpu');
  if (ok) return;
  console.error('No report: the GPU engine could not be installed.');
  process.exit(1);
}

/** Runs a program and shows its errors; `output` is its standard output. */
function run(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): { ok: boolean; output: string } {
  const { status, stdout, error } = spawnSync(program, args, {
    ...{ cwd: checkoutFolder(), encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 2 ** 28 },
    env: { ...process.env, VISUALBERT_DEVICE: 'gpu', ...env },
  });
  return { ok: status === 0, output: error === undefined ? stdout : `${program}: ${error.message}` };
}

function visualbert(...args: string[]): { ok: boolean; output: string } {
  return run(process.execPath, [VISUALBERT, ...args]);
}

function fenced(title: string, text: string): string {
  return `## ${title}\n\n\`\`\`\n${text.trimEnd()}\n\`\`\``;
}

/** The used part of jest's report. */
interface JestReport {
  testResults: {
    assertionResults: { fullName: string; status: string; failureMessages: string[] }[];
    message: string;
  }[];
}

/** The GPU tests, with the messages of failed ones. */
function testSection(title: string, env: NodeJS.ProcessEnv): string {
  const folder = mkdtempSync(join(tmpdir(), 'visualbert-gpu-'));
  try {
    const file = join(folder, 'tests.json');
    const jest = [
      '--experimental-vm-modules',
      '--disable-warning=ExperimentalWarning',
      'node_modules/jest/bin/jest.js',
    ];
    const { ok } = run(
      process.execPath,
      [...jest, '--config', 'jest.gpu.config.mjs', '--runInBand', '--json', `--outputFile=${file}`],
      env,
    );
    if (!ok) process.exitCode = 1;
    const { testResults } = JSON.parse(readFileSync(file, 'utf8')) as JestReport;
    const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
    const failed = tests.filter(({ status }) => status === 'failed');
    const broken = testResults.filter(({ assertionResults }) => assertionResults.length === 0);
    const messages = [
      ...failed.map(({ fullName, failureMessages }) => fenced(fullName, failureMessages.join('\n'))),
      ...broken.map(({ message }) => fenced('a file that could not be run', message)),
    ].map((text) => text.replace(/^##/, '###'));
    const passed = tests.filter(({ status }) => status === 'passed').length;
    const skipped = tests.length - passed - failed.length;
    const counts = `${passed} passed, ${failed.length + broken.length} failed, ${skipped} skipped.`;
    return [`## ${title}`, counts, ...messages].join('\n\n');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Steps and predictions against PyTorch, if a Python has it for the card. */
function benchSection(): string {
  const python = process.env.VISUALBERT_PYTHON ?? 'python3';
  const hasTorch = canImport(python, 'torch, transformers, safetensors; assert torch.cuda.is_available()');
  if (!hasTorch)
    return `## Bench\n\nNot run: \`${python}\` has no torch with CUDA and transformers. Set VISUALBERT_PYTHON to a Python that has them.`;
  const measurements = ['agreement', 'train-fp32', 'train-bf16', 'forward-fp32', 'forward-bf16', 'pretraining'];
  const args = ['dist/bench/run.js', '--device', 'gpu', '--only', ...measurements];
  const { ok, output } = run(process.execPath, args, { VISUALBERT_PYTHON: python });
  if (!ok) process.exitCode = 1;
  return `## Bench beside PyTorch, eager and compiled\n\n\`${args.join(' ')}\`\n\n${output.trim()}`;
}
