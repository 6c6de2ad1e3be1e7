// The options of a trainer and the result of a run.
import { type Cluster } from '../../cluster/contract.js';
import { requireOptions } from '../../options.js';
import { createProgress, type Progress } from '../log/progress.js';
import { type PictureReader } from '../report/example-cards.js';
import { type Dataset, type Task } from '../../evaluation/task.js';
import { type TrainableModel } from '../step/trainable-model.js';
import { type BestEvaluation } from '../run-folder/trainer-state.js';
import { type TrainingArguments } from '../arguments.js';
import { type StepResult } from '../step/contract.js';

/** A model that the trainer can save. */
export interface TrainerModel extends TrainableModel {
  savePretrained(dir: string): Promise<unknown>;
}

/** What a callback returns: `'stop'` ends the run. */
type Answer = 'stop' | void;

/** Called and awaited at each event; an error ends the run. */
export interface TrainerCallback {
  onStep?(step: number, result: StepResult): Answer | Promise<Answer>;
  onEvaluate?(step: number, metrics: Record<string, number>): Answer | Promise<Answer>;
  onSave?(step: number, dir: string): void | Promise<void>;
}

/** The parts of a run, besides its arguments. */
export interface TrainerParts<E> {
  model: TrainerModel;
  task: Task<E>;
  train: Dataset<E>;
  validation?: Dataset<E>;
  callbacks?: readonly TrainerCallback[];
  /** Default: a bar on a terminal, lines elsewhere, on standard error. */
  progress?: Progress;
  /** File for a Chrome trace of one update after warming up; its times by type of operation are printed. Needs the compiled step. */
  profile?: string;
  /**
   * The cluster that this process has joined: its workers share each batch, so `batchSize` is the total of all. Only worker 0 calls
   * callbacks, evaluates, and writes the run folder. After an error the process must exit. Needs the compiled step.
   */
  cluster?: Cluster;
  /** Writes the other files of a complete model folder: tokenizer files, answers. */
  saveAssets?: (dir: string) => Promise<void>;
  /** Reads the pictures for the report. */
  readPicture?: PictureReader;
  /** Further settings for run.json, such as those of the task. */
  settings?: Record<string, unknown>;
  /** Further settings that must be equal when the run resumes, by name: options of examples, the model's configuration. */
  fixedSettings?: Readonly<Record<string, unknown>>;
}

/** The options of a trainer: parts and arguments in one object. */
export interface TrainerOptions<E> extends TrainerParts<E>, TrainingArguments {}

/** The parts of a run with defaults filled in. */
export type RunParts<E> = Required<Omit<TrainerParts<E>, 'validation' | 'profile' | 'cluster'>> & {
  validation: Dataset<E> | null;
  profile: string | null;
  cluster: Cluster | null;
};

/** Separates the parts of a run, with their defaults, from what else an object of options holds. @throws ConfigError for a missing part */
export function separateParts<E>(options: TrainerParts<E>): { parts: RunParts<E>; others: object } {
  requireOptions('Trainer', options);
  const {
    model,
    task,
    train,
    validation = null,
    callbacks = [],
    progress = createProgress(),
    profile = null,
    cluster = null,
    saveAssets = async () => undefined,
    readPicture = async () => null,
    settings = {},
    fixedSettings = {},
    ...others
  } = options;
  for (const [name, value] of Object.entries({ model, task, train }))
    requireOptions(`Trainer: ${name}`, value, `an object, see TrainerOptions`);
  const needed = { model, task, train };
  const watching = { callbacks, progress, profile, cluster };
  const stored = { saveAssets, readPicture, settings, fixedSettings };
  return { parts: { ...needed, validation, ...watching, ...stored }, others };
}

/** Why a run ended. */
export type EndReason = 'finished' | 'early' | 'callback' | 'stopAfter' | NodeJS.Signals;

/** Result of a training run. */
export interface TrainResult {
  /** Number of updates, including those before a resume. */
  step: number;
  totalSteps: number;
  reason: EndReason;
  best: BestEvaluation | null;
  /** Metrics of the last evaluation since this start. */
  metrics: Record<string, number> | null;
  /** Graphs recorded since this start, including evaluations; 0 for an eager run. */
  recordings: number;
  /** Share of padding among the tokens and regions of the training batches since this start, from 0 to 1; null when no input is a mask. */
  padding: number | null;
}
