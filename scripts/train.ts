// visualbert train: fine-tunes a VisualBERT on a task. VQA 2.0 from COCO pre-training takes about 20 GB of features and, on one GPU, a day.
import { join } from 'node:path';
import type { Argv, CommandModule } from 'yargs';
import {
  type Cluster,
  counted,
  createProgress,
  gatherSettings,
  openTrainRun,
  RUN_OPTIONS,
  shellWord,
  type RunSettings,
  TASK_DESCRIPTIONS,
  TASK_NAMES,
  TASK_OPTIONS,
  type TaskName,
  TRAINING_ARGUMENTS,
  type TrainResult,
  type TrainRun,
} from '../src/node.js';
import { createCountBar } from './results/count-bar.js';
import { BACKEND_FLAGS, type BackendArguments, backendWords, useBackend } from './flags/backend.js';
import { JSON_FLAG, leftOutLines } from './flags/results.js';
import { exitCodeOf } from './results/signal-exit.js';
import { flagsOf, givenValues } from './flags/settings.js';
import { inFlags } from './flags/words.js';
import {
  isLauncher,
  joinNamedCluster,
  launch,
  refuseUnusedWorkers,
  WORKER_FLAGS,
  type WorkerArguments,
} from './flags/workers.js';

interface TrainArguments extends BackendArguments, WorkerArguments {
  config?: string;
  dryRun: boolean;
  profile?: string;
  pictures?: string[];
  json: boolean;
}

const PROFILE_FILE = 'profile.json';

function settingsOf(task: TaskName, flags: TrainArguments): Promise<RunSettings> {
  const shape = { ...RUN_OPTIONS, ...TASK_OPTIONS[task].shape, ...TRAINING_ARGUMENTS };
  return gatherSettings(task, givenValues({ ...flags }, shape), flags.config);
}

export const command: CommandModule = {
  command: 'train',
  describe: 'Train a model on a task',
  builder: (yargs: Argv) =>
    TASK_NAMES.reduce((all, name) => all.command(taskCommand(name)), yargs)
      .example(EXAMPLES.vqa ?? '', 'fine-tune on VQA 2.0')
      .demandCommand(1, `Expected a task: ${TASK_NAMES.join(', ')}. \`visualbert train vqa --help\` lists its flags.`),
  handler: () => undefined,
};

function taskCommand(task: TaskName): CommandModule<object, TrainArguments> {
  return {
    command: task,
    describe: TASK_DESCRIPTIONS[task],
    builder: (yargs: Argv) =>
      yargs
        .options({
          config: {
            type: 'string',
            describe: 'JSON file with options and arguments; flags override it',
            group: 'Run:',
          },
          ...flagsOf(RUN_OPTIONS, 'Run:'),
          'dry-run': {
            type: 'boolean',
            default: false,
            describe: 'open everything, read every example and show the plan without training',
            group: 'Run:',
          },
          pictures: {
            type: 'string',
            array: true,
            describe: 'folders of pictures, named by image id, for the report; default: those among the features',
            group: 'Run:',
          },
          profile: {
            type: 'string',
            describe: `file for the trace of one update; default ${PROFILE_FILE} in the run folder`,
            group: 'Run:',
          },
          ...JSON_FLAG,
          ...flagsOf(TASK_OPTIONS[task].shape, 'Data:'),
          ...flagsOf(TRAINING_ARGUMENTS, 'Training:'),
          ...WORKER_FLAGS,
          ...BACKEND_FLAGS,
        })
        .example(EXAMPLES[task] ?? `$0 train ${task} --config settings.json`, '')
        .example(
          `$0 train ${task} --output-dir runs/${task} --resume`,
          'resume a stopped run',
        ) as unknown as Argv<TrainArguments>,
    handler: async (flags) => {
      refuseUnusedWorkers(flags);
      if (isLauncher(flags) && !flags.dryRun) {
        process.exitCode = await launch(flags, await settingsOf(task, flags));
        return;
      }
      await useBackend(flags, 'train');
      const cluster = flags.dryRun ? null : await joinNamedCluster(flags);
      const training = settingsOf(task, flags).then((settings) => train(settings, flags, cluster));
      await (cluster === null ? training : withOthers(cluster, training));
    },
  };
}

const EXAMPLES: Partial<Record<TaskName, string>> = {
  vqa: '$0 train vqa --model uclanlp/visualbert-vqa-coco-pre --questions v2_OpenEnded_mscoco_train2014_questions.json --annotations v2_mscoco_train2014_annotations.json --features trainval_36.tsv --output-dir runs/vqa',
  nlvr: '$0 train nlvr --model-config small.json --data train.json --validation-data dev.json --output-dir runs/nlvr',
  nlvr2:
    '$0 train nlvr2 --model uclanlp/visualbert-nlvr2-coco-pre --data train.json --validation-data dev.json --features features/ --output-dir runs/nlvr2',
};

/** Ends with the first failure of this worker or another; a failure of this one ends the others. */
async function withOthers(cluster: Cluster, training: Promise<void>): Promise<void> {
  try {
    await Promise.race([training, cluster.failure]);
  } catch (error) {
    throw await cluster.fail(error);
  }
}

async function train(
  settings: RunSettings,
  { dryRun, profile, pictures = [], json, ...machine }: TrainArguments,
  cluster: Cluster | null,
): Promise<void> {
  const isFirst = (cluster?.server.worker ?? 0) === 0;
  const together = cluster === null ? {} : { cluster };
  const profiled = profile === undefined ? {} : { profile: profileFile(settings, profile) };
  const progress = createProgress();
  const inWords = { ...progress, line: (text: string) => progress.line(inFlags(text)) };
  const run = await openTrainRun(settings, { pictures, progress: inWords, ...profiled, ...together });
  try {
    if (!isFirst) {
      const { reason } = await run.trainer.train();
      process.exitCode = exitCodeOf(reason);
      return;
    }
    const padding = await run.trainer.expectedPadding();
    if (!json) console.log(planOf(run, settings, padding));
    if (dryRun) await readEverything(run);
    if (dryRun && json) console.log(JSON.stringify({ plan: { ...planData(run, settings), padding } }, null, 2));
    if (dryRun) return;
    const result = await run.trainer.train();
    const { outputDir } = run.trainer.arguments;
    if (json) console.log(JSON.stringify({ plan: planData(run, settings), ...result, outputDir }, null, 2));
    else console.log(resultText(result, outputDir, resumeCommand(settings.task, outputDir, machine)));
    process.exitCode = exitCodeOf(result.reason);
  } finally {
    await run.close();
  }
}

async function readEverything(run: TrainRun): Promise<void> {
  const bar = createCountBar('examples');
  await run.readExamples(bar.update).finally(bar.stop);
}

/** The command that continues a run on the same machine: a run folder does not say on which backend. */
function resumeCommand(task: string, outputDir: string, machine: BackendArguments): string {
  const words = ['visualbert train', task, '--output-dir', shellWord(outputDir), '--resume', ...backendWords(machine)];
  return words.join(' ');
}

function resultText(
  { reason, step, totalSteps, best, recordings, padding }: TrainResult,
  outputDir: string,
  resume: string,
): string {
  const metrics = best === null ? '' : `; best after step ${best.step}: ${metricsText(best.metrics)}`;
  const graphs = recordings === 0 ? 'nothing recorded' : `${counted(recordings, 'graph')} recorded`;
  return [
    `${REASONS[reason] ?? `stopped by ${reason}`} after step ${step} of ${totalSteps}${metrics}`,
    ...(reason === 'finished' || reason === 'early' ? [] : [`resume with: ${resume}`]),
    padding === null ? graphs : `${graphs}, ${(100 * padding).toFixed(1)}% of the computed positions were padding`,
    `run folder: ${outputDir}`,
  ].join('\n');
}

function profileFile({ arguments: { outputDir } }: RunSettings, named: string): string {
  return named === '' ? join(String(outputDir), PROFILE_FILE) : named;
}

const REASONS: Record<string, string> = {
  finished: 'finished',
  early: 'stopped early',
  callback: 'stopped',
  stopAfter: 'stopped',
};

/** The plan of the run as data. */
function planData(run: TrainRun, { task, model }: RunSettings): Record<string, unknown> {
  const { trainer, architecture, parameterCount, exampleCount, validationCount, newHead, leftOut } = run;
  const { totalSteps, stepsPerEpoch } = trainer;
  return {
    ...{ task, model, architecture, parameterCount, exampleCount, validationCount, totalSteps, stepsPerEpoch },
    ...{ freshWeights: freshWeights(run), newHead, leftOut, arguments: run.arguments },
  };
}

/** The plan of the run as text. */
function planOf(run: TrainRun, { task, model }: RunSettings, padding: number | null): string {
  const { trainer, parameterCount, exampleCount, validationCount, newHead } = run;
  const { batchSize, accumulationSteps, outputDir, groupByLength, step } = trainer.arguments;
  const epochs = Number((trainer.totalSteps / trainer.stepsPerEpoch).toFixed(2));
  const fresh = freshWeights(run);
  return [
    `task ${task}: ${counted(exampleCount, 'training example')}, ${validationCount === 0 ? 'no validation examples' : `${counted(validationCount, 'validation example')}`}`,
    ...leftOutLines(run.leftOut),
    `model ${run.architecture}, ${parameterCount.toLocaleString('en')} parameters, ${model === null ? 'fresh weights' : `from ${model}`}`,
    ...(newHead === null ? [] : [newHeadText(newHead, run.architecture)]),
    ...(fresh.length > 0 ? [`fresh weights for ${fresh.join(', ')}`] : []),
    `${counted(trainer.totalSteps, 'update')} of ${counted(batchSize * accumulationSteps, 'example')} (${counted(epochs, 'epoch')} of ${trainer.stepsPerEpoch}), ${step.precision}, into ${outputDir}`,
    ...(padding === null ? [] : [paddingText(padding, groupByLength)]),
  ].join('\n');
}

/** Share of padding above which a hint is printed. */
const MUCH_PADDING = 0.3;

function paddingText(share: number, groupByLength: boolean): string {
  const hint = share > MUCH_PADDING && !groupByLength ? ' (--group-by-length reduces it)' : '';
  return `about ${Math.round(100 * share)}% of the tokens and regions of its batches are padding${hint}`;
}

function freshWeights({ loadingReport }: TrainRun): string[] {
  if (loadingReport === null) return [];
  return [...loadingReport.missingKeys, ...loadingReport.mismatchedKeys.map(({ key }) => key)];
}

/** Only the head of a question-answering model depends on a list of answers. */
function newHeadText(
  { classes, before }: NonNullable<TrainRun['newHead']>,
  architecture: TrainRun['architecture'],
): string {
  const remedy =
    architecture === 'VisualBertForQuestionAnswering'
      ? '; keep it with --answers FILE and the list of answers that it was trained with'
      : '';
  return `new head for the ${counted(classes, 'class', 'classes')} of the data; the checkpoint has ${before}${remedy}`;
}

function metricsText(metrics: Record<string, number>): string {
  return Object.entries(metrics)
    .map(([name, value]) => `${name} ${Number(value.toFixed(4))}`)
    .join(', ');
}
