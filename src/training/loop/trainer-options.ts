// The options of a trainer and the result of a run.
import { type Cluster } from '../../cluster/contract.js';
import { type Progress } from '../log/progress.js';
import { type PictureReader } from '../report/example-cards.js';
import { type Dataset, type Task } from '../task.js';
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

/** Called at each event and waited for; what it throws ends the run. */
export interface TrainerCallback {
  onStep?(step: number, result: StepResult): Answer | Promise<Answer>;
  onEvaluate?(step: number, metrics: Record<string, number>): Answer | Promise<Answer>;
  onSave?(step: number, dir: string): void | Promise<void>;
}

/** The parts of a run, given beside its arguments. */
export interface TrainerOptions<E> extends TrainingArguments {
  model: TrainerModel;
  task: Task<E>;
  train: Dataset<E>;
  validation?: Dataset<E>;
  callbacks?: readonly TrainerCallback[];
  /** Default: a bar on a terminal, lines elsewhere, on standard error. */
  progress?: Progress;
  /** File for a Chrome trace of one warm update, whose time by type of operation is printed too. Needs the compiled step. */
  profile?: string;
  /**
   * The cluster that this process has joined: its workers share each batch, so `batchSize` is that of all of them. Worker 0 alone calls
   * callbacks, evaluates, and writes the run folder. After an error the process has to end. Needs the compiled step.
   */
  cluster?: Cluster;
  /** Writes what belongs to a complete run folder beside the model: tokenizer files, answers. */
  saveAssets?: (dir: string) => Promise<void>;
  /** Pixels of the images that the report shows. */
  readPicture?: PictureReader;
  /** Kept in run.json beside the arguments: the task's own settings. */
  settings?: Record<string, unknown>;
  /** What else must be equal when the run resumes, by name: how examples are made, the model's configuration. */
  fixedSettings?: Readonly<Record<string, unknown>>;
}

/** Why a run ended. */
export type EndReason = 'finished' | 'early' | 'callback' | 'stopAfter' | NodeJS.Signals;

export interface TrainResult {
  /** Updates made, those before a resume included. */
  step: number;
  totalSteps: number;
  reason: EndReason;
  best: BestEvaluation | null;
  /** Metrics of the last evaluation of this start. */
  metrics: Record<string, number> | null;
  /** Graphs recorded in this start, those of evaluations included; 0 for an eager run. */
  recordings: number;
  /** Share of padding among the tokens and regions of the training batches of this start, from 0 to 1; null when no input is a mask. */
  padding: number | null;
}
