// The commands train, evaluate and predict as processes, on plain JavaScript (no engine required).
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, jest, test } from '@jest/globals';
import { type MetricsEntry, readMetrics } from '../../src/training/log/metrics-log.js';
import { prepareBackend } from '../../src/engine/select-backend.js';
import { COMMAND, visualbert } from '../helpers/command-line/command.js';
import { type NlvrFiles, writeNlvrFiles } from '../helpers/command-line/nlvr-files.js';

const trainArgs = (files: NlvrFiles, run: string): string[] => [
  ...['train', 'nlvr', '--backend', 'cpu', '--model-config', files.modelConfig, '--output-dir', run],
  ...['--data', files.train, '--validation-data', files.validation],
  ...['--batch-size', '4', '--learning-rate', '1e-3', '--max-steps', '12', '--evaluate-every', '4', '--log-every', '1'],
];

const metricsOf = (entries: readonly MetricsEntry[]): unknown[] =>
  entries.map(({ event, step, loss, accuracy }) => [event, step, loss, accuracy]);

const HAS_ENGINE = (await prepareBackend()).backend === 'tensorflow';
if (!HAS_ENGINE) process.stderr.write('skipped: the native engine is not installed, so its threads cannot be chosen\n');
const isBuilt = existsSync(COMMAND);
if (!isBuilt) process.stderr.write(`skipped: ${COMMAND} is not built (npm run build)\n`);

(isBuilt ? describe : describe.skip)('visualbert train, evaluate, predict', () => {
  jest.setTimeout(240_000); // each test starts several processes, on machines that may be busy

  test('a run that was stopped by SIGTERM goes on to the same end; its folder is all that evaluate needs', async () => {
    const files = writeNlvrFiles();
    const [whole, parts] = [join(files.folder, 'whole'), join(files.folder, 'parts')];
    const finished = await visualbert(trainArgs(files, whole));
    expect(finished).toMatchObject({ code: 0 });
    expect(finished.stdout).toMatch(/task nlvr: 24 training examples, 8 validation examples/);
    expect(finished.stdout).toMatch(/finished after step 12 of 12; best after step \d+: loss [\d.]+, accuracy/);
    expect(finished.stderr).not.toContain('\u001b');

    const stopped = await visualbert(trainArgs(files, parts), 'evaluation after step 4', (child) => {
      child.kill('SIGTERM');
      child.kill('SIGTERM'); // as `timeout` does: once for the process, once for its group
    });
    expect(stopped).toMatchObject({ code: 143, signal: null });
    expect(stopped.stdout).toMatch(
      /stopped by SIGTERM after step \d+ of 12[^]*resume with: visualbert train nlvr --output-dir/,
    );
    const resumed = await visualbert(['train', 'nlvr', '--backend', 'cpu', '--output-dir', parts, '--resume']);
    expect(resumed).toMatchObject({ code: 0 });
    const [a, b] = await Promise.all([whole, parts].map((run) => readMetrics(join(run, 'metrics.jsonl'))));
    expect(metricsOf(b ?? [])).toEqual(metricsOf(a ?? []));
    expect(readFileSync(join(parts, 'model.safetensors')).equals(readFileSync(join(whole, 'model.safetensors')))).toBe(
      true,
    );

    const output = join(files.folder, 'predictions.csv');
    const evaluated = await visualbert(['evaluate', '--backend', 'cpu', '--run', whole, '--json', '--output', output]);
    const best = JSON.parse(evaluated.stdout) as { count: number; metrics: { accuracy: number } };
    expect(best.count).toBe(8);
    expect(best.metrics.accuracy).toBe(
      Math.max(...(a ?? []).flatMap(({ event, accuracy }) => (event === 'evaluate' ? [Number(accuracy)] : []))),
    );
    expect(readFileSync(output, 'utf8').trim().split('\n')).toHaveLength(8);
  });

  (HAS_ENGINE ? test : test.skip)('the engine starts with the threads that the flag names', async () => {
    const files = writeNlvrFiles();
    const onEngine = trainArgs(files, join(files.folder, 'run')).map((arg) => (arg === 'cpu' ? 'tensorflow' : arg));
    const byDefault = onEngine.filter((arg) => arg !== '--backend' && arg !== 'tensorflow');
    for (const args of [onEngine, byDefault]) {
      expect(await visualbert([...args, '--threads', '1', '--dry-run'])).toMatchObject({ code: 0, stderr: '' });
    }
  });

  (HAS_ENGINE ? test : test.skip)(
    'XLA and further threads change no metric; a profile shows what a step does',
    async () => {
      const files = writeNlvrFiles();
      const lossesWith = async (name: string, flags: readonly string[]): Promise<number[]> => {
        const run = join(files.folder, name);
        const args = trainArgs(files, run).map((arg) => (arg === 'cpu' ? 'tensorflow' : arg));
        const { code, stdout, stderr } = await visualbert([...args, ...flags]);
        expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
        expect(stdout).toMatch(/\n\d+ graphs recorded, [\d.]+% of the computed positions were padding\n/);
        return (await readMetrics(join(run, 'metrics.jsonl'))).map(({ loss }) => Number(loss));
      };
      const plain = await lossesWith('plain', []);
      const machine = ['--xla', '--inter-op-threads', '2', '--no-gpu-memory-growth', '--profile'];
      const other = await lossesWith('xla', machine);
      plain.forEach((loss, i) => expect(other[i]).toBeCloseTo(loss, 4));
      const profile = readFileSync(join(files.folder, 'xla', 'profile.json'), 'utf8');
      const { traceEvents } = JSON.parse(profile) as { traceEvents: { name: string }[] };
      expect(traceEvents.map(({ name }) => name)).toEqual(expect.arrayContaining([expect.stringMatching(/^_Xla/)]));
    },
  );

  test('settings come from a config file, flags win, and unknown ones are named', async () => {
    const files = writeNlvrFiles();
    const config = join(files.folder, 'run.json');
    const settings = {
      data: files.train,
      modelConfig: { hiddenSize: 12, numHiddenLayers: 1, numAttentionHeads: 2, intermediateSize: 8 },
    };
    writeFileSync(config, JSON.stringify({ ...settings, batchSize: 4, maxSteps: 7 }));
    const run = join(files.folder, 'run');
    const planned = await visualbert([
      'train',
      'nlvr',
      '--backend',
      'cpu',
      '--config',
      config,
      '--output-dir',
      run,
      '--max-steps',
      '5',
      '--dry-run',
    ]);
    expect(planned.stdout).toMatch(/5 updates of 4 examples/);
    expect(existsSync(run)).toBe(false);
    writeFileSync(config, JSON.stringify({ ...settings, learningrate: 1 }));
    const refused = await visualbert(['train', 'nlvr', '--backend', 'cpu', '--config', config, '--output-dir', run]);
    expect(refused).toMatchObject({ code: 1 });
    expect(refused.stderr).toContain(
      `${config}: unknown setting learningrate for task nlvr; known: task, model, modelConfig, data`,
    );
    writeFileSync(config, JSON.stringify({ hiddenWidth: 3 }));
    const fresh = ['--model-config', config, '--data', files.train, '--output-dir', run];
    const unknown = await visualbert(['train', 'nlvr', '--backend', 'cpu', ...fresh]);
    expect(unknown.stderr).toMatch(/^--model-config \S+: unknown field hiddenWidth; the fields are vocabSize/);
    const twice = await visualbert(['train', 'nlvr', '--config', config, '--batch-size', '8', '--batch-size', '4']);
    expect(twice.stderr).toMatch(/--batch-size was given 2 times \(8, 4\); give it once/);
  });

  test('--workers refuses what no worker could train before it starts any', async () => {
    const files = writeNlvrFiles();
    const args = (...given: string[]): string[] => [
      ...['train', 'nlvr', '--model-config', files.modelConfig, '--output-dir', join(files.folder, 'refused')],
      ...['--data', files.train, '--max-steps', '1', ...given],
    ];
    const refused = await Promise.all([
      visualbert(args('--batch-size', '24', '--workers', '5')),
      visualbert(args('--workers', '0')),
      visualbert(args('--workers', '2', '--backend', 'cpu')),
    ]);
    expect(refused.map(({ code, stdout, stderr }) => [code, stdout, stderr.trim()])).toEqual([
      [1, '', '--batch-size: expected a multiple of the 5 workers, which share each batch, received 24'],
      [1, '', '--workers: expected a whole number of at least 1, received 0'],
      [1, '', '--workers: needs the native engine, received --backend cpu; leave out one of them'],
    ]);
    expect(existsSync(join(files.folder, 'refused'))).toBe(false);
  });

  test('a run is what later commands say it is: its task, its settings, what it was validated on', async () => {
    const files = writeNlvrFiles();
    const run = join(files.folder, 'it is a run');
    const args = ['train', 'nlvr', '--backend', 'cpu', '--model-config', files.modelConfig, '--output-dir', run];
    const stopped = await visualbert([...args, '--data', files.train, '--max-steps', '2', '--stop-after', '1']);
    expect(stopped.stdout).toContain(
      `resume with: visualbert train nlvr --output-dir '${run}' --resume --backend cpu\n`,
    );
    const again = await visualbert(args);
    expect(again).toMatchObject({ code: 1, stdout: '' }); // before any plan
    expect(again.stderr).toBe(
      `${run}: it already holds a run; pass --resume to continue it, or choose another --output-dir\n`,
    );
    const config = join(files.folder, 'vqa.json');
    writeFileSync(config, '{ "task": "vqa" }');
    const evaluate = ['evaluate', '--backend', 'cpu', '--run', run];
    const refused = await Promise.all([
      visualbert(['train', 'nlvr2', '--backend', 'cpu', '--output-dir', run, '--resume']),
      visualbert(['train', 'nlvr', '--backend', 'cpu', '--config', config]),
      visualbert([...evaluate, '--data', files.validation, '--batch-size', '0']),
      visualbert([...evaluate, '--data', files.validation, '--precision', 'bf16']),
    ]);
    expect(refused.map(({ code, stderr }) => [code, stderr.trim()])).toEqual([
      [1, `${run}: expected a run of the task nlvr2, found one of nlvr; resume it with visualbert train nlvr.`],
      [1, `${config}: its settings are for train vqa, not for train nlvr.`],
      [1, '--batch-size: expected a whole number of at least 1, received 0'],
      [1, 'precision "bf16" needs the native engine; use fp32 on cpu'],
    ]);
    const { stderr } = await visualbert(evaluate);
    expect(stderr).toMatch(/^the run has no validation examples: evaluating on its training examples/);
    expect((await visualbert([...evaluate, '--data', files.validation])).stderr).toBe('');
  });

  test('a run killed while it works loses no checkpoint and ends as if nothing had happened', async () => {
    const files = writeNlvrFiles();
    const [whole, parts] = [join(files.folder, 'whole'), join(files.folder, 'parts')];
    await visualbert([...trainArgs(files, whole), '--save-every', '1']);
    const killed = await visualbert(
      [...trainArgs(files, parts), '--save-every', '1'],
      'evaluation after step 4',
      (child) => setTimeout(() => child.kill('SIGKILL'), 30),
    );
    expect(killed.signal).toBe('SIGKILL');
    expect(readdirSync(join(parts, 'checkpoints')).some((name) => name.startsWith('step-'))).toBe(true);
    await visualbert(['train', 'nlvr', '--backend', 'cpu', '--output-dir', parts, '--resume']);
    const [a, b] = await Promise.all([whole, parts].map((run) => readMetrics(join(run, 'metrics.jsonl'))));
    expect(metricsOf(b ?? [])).toEqual(metricsOf(a ?? []));
  });
});
