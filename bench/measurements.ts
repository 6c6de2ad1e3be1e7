// The measurements of training and forward steps: participants, rounds, and goals of the ratios.
import { type SubjectArgs } from './subjects/subject.js';

export type Engine = 'tfjs' | 'torch' | 'onnxruntime' | 'openvino';

/** One participant of a comparison. */
export interface Participant {
  label: string;
  engine: Engine;
  compiled: boolean;
}

/** Ours against one of theirs; `target` per batch size, absent where none was set. */
export interface Goal {
  against: string;
  target: Record<number, number>;
}

/** Steps of a model, taken in turns. */
export interface StepMeasurement {
  name: string;
  title: string;
  task: 'vqa' | 'pretraining';
  mode: SubjectArgs['mode'];
  precision: SubjectArgs['precision'];
  participants: readonly Participant[];
  /** Time of the first participant over that of another. */
  goals: readonly Goal[];
  /** Peak memory of the first participant over that of `against`. */
  memory?: Goal;
  /** Bound of the overhead of a compiled step's first run, in milliseconds. */
  startupMs?: number;
  /** Minimum share of a plain matrix product's rate for a step, per batch size. */
  efficiency?: Record<number, number>;
}

const ours = (compiled: boolean): Participant => ({
  label: compiled ? 'tfjs compiled' : 'tfjs eager',
  engine: 'tfjs',
  compiled,
});
const EAGER: Participant = { label: 'PyTorch eager', engine: 'torch', compiled: false };
const COMPILE: Participant = { label: 'torch.compile', engine: 'torch', compiled: true };
const ONNX: Participant = { label: 'onnxruntime', engine: 'onnxruntime', compiled: false };
const OPENVINO: Participant = { label: 'OpenVINO', engine: 'openvino', compiled: false };

export const STEP_MEASUREMENTS: readonly StepMeasurement[] = [
  {
    name: 'forward-eager',
    title: 'eager forward, fp32',
    task: 'vqa',
    mode: 'forward',
    precision: 'fp32',
    participants: [ours(false), EAGER],
    goals: [{ against: EAGER.label, target: { 8: 1.1 } }],
  },
  {
    name: 'train-eager',
    title: 'eager training step, fp32',
    task: 'vqa',
    mode: 'train',
    precision: 'fp32',
    participants: [ours(false), EAGER],
    goals: [{ against: EAGER.label, target: { 8: 1.5 } }],
  },
  {
    name: 'train-fp32',
    title: 'compiled training step, fp32',
    task: 'vqa',
    mode: 'train',
    precision: 'fp32',
    participants: [ours(true), EAGER, COMPILE],
    goals: [
      { against: EAGER.label, target: { 8: 0.68, 32: 0.83 } },
      { against: COMPILE.label, target: { 8: 0.8, 32: 1 } },
    ],
    memory: { against: EAGER.label, target: { 8: 1, 32: 1 } },
    startupMs: 4000,
    efficiency: { 32: 0.85 },
  },
  {
    name: 'train-bf16',
    title: 'compiled training step, bf16',
    task: 'vqa',
    mode: 'train',
    precision: 'bf16',
    participants: [ours(true), EAGER, COMPILE],
    goals: [
      { against: EAGER.label, target: { 8: 0.75, 32: 0.8 } },
      { against: COMPILE.label, target: { 8: 0.8, 32: 1 } },
    ],
    memory: { against: EAGER.label, target: { 8: 1, 32: 1 } },
    startupMs: 4000,
    efficiency: {},
  },
  {
    name: 'forward-fp32',
    title: 'compiled forward, fp32',
    task: 'vqa',
    mode: 'forward',
    precision: 'fp32',
    participants: [ours(true), OPENVINO, ONNX, EAGER],
    goals: [
      { against: OPENVINO.label, target: { 1: 1, 8: 1 } },
      { against: ONNX.label, target: { 1: 1, 8: 1, 32: 1 } },
    ],
    memory: { against: ONNX.label, target: { 1: 1, 8: 1 } },
  },
  {
    name: 'forward-bf16',
    title: 'compiled forward, bf16',
    task: 'vqa',
    mode: 'forward',
    precision: 'bf16',
    participants: [ours(true), OPENVINO, EAGER],
    goals: [
      { against: OPENVINO.label, target: { 1: 1, 8: 1 } },
      { against: EAGER.label, target: { 8: 0.95, 32: 0.9 } },
    ],
  },
  {
    name: 'forward-int8',
    title: 'compiled forward, int8',
    task: 'vqa',
    mode: 'forward',
    precision: 'int8',
    participants: [ours(true), ONNX],
    goals: [{ against: ONNX.label, target: { 1: 1, 8: 1 } }],
  },
  {
    name: 'pretraining',
    title: 'compiled pre-training step, fp32',
    task: 'pretraining',
    mode: 'train',
    precision: 'fp32',
    participants: [ours(true), EAGER],
    goals: [{ against: EAGER.label, target: { 8: 0.5 } }],
  },
];

/** Measurements of other things than steps. */
export const OTHER_MEASUREMENTS = [
  'agreement',
  'load',
  'save',
  'checkpoint',
  'convert',
  'inspect',
  'leak',
  'epoch',
  'whole-run',
  'detector',
  'serve',
  'start-up',
  'distributed',
] as const;

/** Labels of PyTorch's participants. */
export const PYTORCH: readonly string[] = [EAGER.label, COMPILE.label];

/** Participants that can be left out. */
export const OTHERS: readonly string[] = [EAGER, COMPILE, ONNX, OPENVINO].map(({ label }) => label);

/** Default batch sizes: of steps on each device, and of a real run. */
export const DEFAULT_BATCHES = { cpu: [8], gpu: [64, 256], epoch: [32] } as const;

/** Lengths of every example, as in workload.py. */
export const [TEXT, REGIONS] = [20, 36] as const;

/** The task's class and number of answers. */
export const TASKS = {
  vqa: { class_name: 'VisualBertForQuestionAnswering', num_labels: 3129 },
  pretraining: { class_name: 'VisualBertForPreTraining', num_labels: 2 },
} as const;
