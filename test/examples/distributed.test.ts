// The files of examples/distributed parse, and give each worker a valid TF_CONFIG.
import { spawnSync } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parseAllDocuments } from 'yaml';
import { clusterFromTfConfig } from '../../src/cluster/tf-config.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

const FOLDER = 'examples/distributed';
const bin = temporaryFolder();

/** Commands that stand in for those of a cluster; `npx` prints its TF_CONFIG and arguments. */
function standIns(commands: Record<string, string>): NodeJS.ProcessEnv {
  const all = { npx: 'printf "%s\\t%s\\n" "$TF_CONFIG" "$*"', ...commands };
  for (const [name, body] of Object.entries(all)) {
    writeFileSync(join(bin, name), `#!/bin/bash\n${body}\n`);
    chmodSync(join(bin, name), 0o755);
  }
  return { ...process.env, PATH: `${bin}${delimiter}${process.env['PATH']}` };
}

/** What each worker would run, by number. */
function runExample(script: string, args: readonly string[], env: NodeJS.ProcessEnv): Map<number, string> {
  const { stdout, stderr, status } = spawnSync('bash', [resolve(FOLDER, script), ...args], { env, encoding: 'utf8' });
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

describe('examples/distributed', () => {
  test('ssh.sh starts one worker on each host, with quotes kept', () => {
    const env = standIns({ ssh: 'bash -c "$2"' });
    const found = runExample('ssh.sh', ['node0', 'node1', '--', 'train', 'vqa', '--output-dir', "it's here"], env);
    const command = "visualbert train vqa --output-dir it's here";
    expect(found).toEqual(new Map([[0, command], [1, command]])); // prettier-ignore
  });

  test('slurm.sh starts one worker in each task', () => {
    const env = standIns({
      scontrol: 'printf "node0\\nnode1\\n"',
      srun: 'for i in 0 1; do SLURM_PROCID=$i "$@"; done',
    });
    const found = runExample('slurm.sh', [], { ...env, SLURM_JOB_NODELIST: 'node[0-1]' });
    const command = 'visualbert train vqa --config vqa.json --output-dir runs/vqa';
    expect(found).toEqual(new Map([[0, command], [1, command]])); // prettier-ignore
  });

  test('tfjob.yaml opens to its own workers alone the ports that they listen on', () => {
    const documents = parseAllDocuments(readFileSync(join(FOLDER, 'tfjob.yaml'), 'utf8'));
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
