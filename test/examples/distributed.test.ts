// The files of examples/distributed give each worker a valid TF_CONFIG, pass signals on, and report how the workers ended.
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import { describe, expect, jest, test } from '@jest/globals';
import { parseAllDocuments } from 'yaml';
import { clusterFromTfConfig } from '../../src/cluster/tf-config.js';
import { COMMAND } from '../helpers/command-line/command.js';
import { writeNlvrFiles } from '../helpers/command-line/nlvr-files.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

const isBuilt = existsSync(COMMAND);
if (!isBuilt) process.stderr.write(`skipped: ${COMMAND} is not built (npm run build)\n`);

const FOLDER = resolve('examples/distributed');
const bin = temporaryFolder();
const VISUALBERT = join('node_modules', '.bin', 'visualbert');

function writeScript(path: string, body: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `#!/bin/bash\n${body}\n`);
  chmodSync(path, 0o755);
}

/** Commands that stand in for those of a cluster. */
function standIns(commands: Record<string, string>): NodeJS.ProcessEnv {
  for (const [name, body] of Object.entries(commands)) writeScript(join(bin, name), body);
  return { ...process.env, PATH: `${bin}${delimiter}${process.env['PATH']}` };
}

interface Ended {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** Runs a script where the package is installed, with `visualbert` as its command. */
function runScript(script: string, args: readonly string[], env: NodeJS.ProcessEnv, visualbert: string): Ended {
  const cwd = temporaryFolder();
  writeScript(join(cwd, VISUALBERT), visualbert);
  mkdirSync(join(cwd, 'resumed'));
  writeFileSync(join(cwd, 'resumed', 'run.json'), '{}');
  return spawnSync('bash', [join(FOLDER, script), ...args], { cwd, env, encoding: 'utf8' });
}

/** What each worker would run, by number. */
function runExample(script: string, args: readonly string[], env: NodeJS.ProcessEnv): Map<number, string> {
  const { stdout, stderr, status } = runScript(script, args, env, 'printf "%s\\t%s\\n" "$TF_CONFIG" "$*"');
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
  return new Map(
    stdout
      .trim()
      .split('\n')
      .map((line) => {
        const [config = '', command = ''] = line.split('\t');
        const { addresses, worker } = clusterFromTfConfig(config);
        expect(addresses).toEqual(['node0:2222', 'node1:2222']);
        return [worker, command] as const;
      }),
  );
}

/** Runs a command of an example on a small data set, and sends SIGTERM once it trains: to itself, or to the process that it prints as a task. */
async function stopWhileTraining(
  commandIn: (cwd: string) => readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<Ended & { saved: string[] }> {
  const { folder: cwd, train, validation, modelConfig } = writeNlvrFiles();
  const settings = { modelConfig, data: train, validationData: validation, batchSize: 4, epochs: 1000 };
  writeFileSync(join(cwd, 'vqa.json'), JSON.stringify({ ...settings, evaluateEvery: 2, saveEvery: 'never' }));
  writeScript(
    join(cwd, VISUALBERT),
    `shift 2\nexec '${process.execPath}' '${resolve(COMMAND)}' train nlvr --backend cpu "$@"`,
  );
  const [program = '', ...args] = commandIn(cwd);
  const child = spawn(program, args, { cwd, env: { ...env, VISUALBERT_BACKEND: '' } });
  let [stdout, stderr, isStopped] = ['', '', false];
  const look = (): void => {
    if (isStopped || !stderr.includes('evaluation after step 2')) return;
    isStopped = true;
    process.kill(Number(/^task (\d+)$/m.exec(stdout)?.[1] ?? child.pid), 'SIGTERM');
  };
  child.stdout.on('data', (chunk: Buffer) => ((stdout += chunk.toString()), look()));
  child.stderr.on('data', (chunk: Buffer) => ((stderr += chunk.toString()), look()));
  const status = await new Promise<number | null>((settle) => child.once('close', settle));
  const checkpoints = join(cwd, 'runs', 'vqa', 'checkpoints');
  return { status, stdout, stderr, saved: existsSync(checkpoints) ? readdirSync(checkpoints) : [] };
}

const REMOTE = 'exec bash -c "$2"';
const SLURM = { SLURM_JOB_NODELIST: 'node[0-1]', SLURM_CPUS_PER_TASK: '16', SLURM_JOB_ID: '7' };
const tfJob = (): string => readFileSync(join(FOLDER, 'tfjob.yaml'), 'utf8');

(isBuilt ? describe : describe.skip)('SIGTERM to what examples/distributed starts saves the run:', () => {
  jest.setTimeout(120_000);

  async function expectSaved(ending: ReturnType<typeof stopWhileTraining>): Promise<void> {
    const { status, stdout, stderr, saved } = await ending;
    expect({ status, text: status === 143 ? '' : stdout + stderr }).toEqual({ status: 143, text: '' });
    expect(stdout).toContain('stopped by SIGTERM after step');
    const [, step] = /after step (\d+) of/.exec(stdout) ?? [];
    expect(saved.map((name) => Number(name.replace('step-', '')))).toContain(Number(step));
  }

  test('the container of tfjob.yaml', async () => {
    const [job] = parseAllDocuments(tfJob()).map((document) => document.toJS() as unknown);
    type Job = {
      spec: { tfReplicaSpecs: { Worker: { template: { spec: { containers: { command: string[] }[] } } } } };
    };
    const [container] = (job as Job).spec.tfReplicaSpecs.Worker.template.spec.containers;
    await expectSaved(
      stopWhileTraining((cwd) => (container?.command ?? []).map((word) => word.replaceAll('/data', cwd)), process.env),
    );
  });

  test('a task of slurm.sh', async () => {
    const env = standIns({ scontrol: 'echo node0', srun: 'shift\necho "task $$"\nSLURM_PROCID=0 exec "$@"' });
    await expectSaved(stopWhileTraining(() => ['bash', join(FOLDER, 'slurm.sh')], { ...env, ...SLURM }));
  });

  test('ssh.sh itself', async () => {
    const args = ['node0', '--', 'train', 'vqa', '--config', 'vqa.json', '--output-dir', 'runs/vqa'];
    await expectSaved(stopWhileTraining(() => ['bash', join(FOLDER, 'ssh.sh'), ...args], standIns({ ssh: REMOTE })));
  });
});

describe('examples/distributed', () => {
  test('ssh.sh starts one worker on each host, with quotes kept', () => {
    const args = ['node0', 'node1', '--', 'train', 'vqa', '--output-dir', "it's here"];
    const found = runExample('ssh.sh', args, standIns({ ssh: REMOTE }));
    const command = "train vqa --output-dir it's here";
    expect(found).toEqual(new Map([[0, command], [1, command]])); // prettier-ignore
  });

  test('ssh.sh resumes a run that is there, and asks for its folder', () => {
    const env = standIns({ ssh: REMOTE });
    const found = runExample('ssh.sh', ['node0', 'node1', '--', 'train', 'vqa', '--output-dir', 'resumed'], env);
    const command = 'train vqa --output-dir resumed --resume';
    expect(found).toEqual(new Map([[0, command], [1, command]])); // prettier-ignore
    for (const args of [['node0'], ['node0', '--', 'train', 'vqa'], ['--', 'train', 'vqa', '--output-dir', 'x']])
      expect(runScript('ssh.sh', args, env, 'true')).toMatchObject({
        status: 1,
        stderr: expect.stringMatching(/^usage: .*ssh\.sh HOST\.\.\. -- train TASK --output-dir DIR \.\.\.\n$/),
      });
  });

  test.each([
    ['0 0', 0],
    ['0 138', 138],
    ['138 1', 1],
    ['137 138', 137],
  ])('ssh.sh ends workers that end with %s with %i', (codes, expected) => {
    const env = { ...standIns({ ssh: REMOTE }), CODES: codes };
    const worker = 'codes=($CODES)\n[[ $TF_CONFIG =~ index\\":\\ ([0-9]) ]]\nexit ${codes[${BASH_REMATCH[1]}]}';
    const { status } = runScript('ssh.sh', ['a', 'b', '--', 'train', 'vqa', '--output-dir', 'x'], env, worker);
    expect(status).toBe(expected);
  });

  test('slurm.sh starts one worker in each task, which have the CPUs of the job', () => {
    const env = standIns({
      scontrol: 'printf "node0\\nnode1\\n"',
      srun: '((SRUN_CPUS_PER_TASK == 16)) || exit 1\nshift\nfor i in 0 1; do SLURM_PROCID=$i "$@"; done',
    });
    const found = runExample('slurm.sh', [], { ...env, ...SLURM });
    const command = 'train vqa --config vqa.json --output-dir runs/vqa';
    expect(found).toEqual(new Map([[0, command], [1, command]])); // prettier-ignore
  });

  test.each([
    [138, '0', 'requeue 7\n'],
    [138, '3', ''],
    [1, '0', ''],
  ])('slurm.sh whose workers end with %i after %s restarts puts the job back: %j', (code, restarts, expected) => {
    const scontrol = 'if [[ $1 == show ]]; then echo node0; else echo "$@"; fi';
    const env = { ...standIns({ scontrol, srun: `exit ${code}` }), ...SLURM, SLURM_RESTART_COUNT: restarts };
    expect(runScript('slurm.sh', [], env, 'true')).toMatchObject({ status: code, stdout: expected, stderr: '' });
  });

  test('tfjob.yaml opens to its own workers alone the ports that they listen on', () => {
    const documents = parseAllDocuments(tfJob());
    expect(documents.flatMap(({ errors }) => errors)).toEqual([]);
    const [job, policy] = documents.map((document) => document.toJS() as Record<string, unknown>);
    expect(job).toMatchObject({ kind: 'TFJob', spec: { tfReplicaSpecs: { Worker: { restartPolicy: 'ExitCode' } } } });
    const own = { matchLabels: { 'training.kubeflow.org/job-name': 'visualbert-vqa' } };
    expect(policy).toMatchObject({
      kind: 'NetworkPolicy',
      spec: {
        podSelector: own,
        ingress: [{ from: [{ podSelector: own }], ports: [{ port: 2222 }, { port: 2223 }] }],
      },
    });
  });
});
