// Checkpoints and batches for both sides, created once by Python in the cache.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { TASKS } from '../measurements.js';
import { benchCache, pythonFile } from './python-env.js';
import type { SubjectArgs } from './subject.js';

/** Batches that steps go through in turn. */
const DISTINCT_BATCHES = 6;

export interface Workload {
  task: keyof typeof TASKS;
  /** Folder with config.json, model.safetensors and pytorch_model.bin. */
  model: string;
  batches: string;
}

/** Makes what is missing of a task's checkpoint and of batches of one size. */
export function prepareWorkload(python: string, task: keyof typeof TASKS, batch: number): Workload {
  const folder = benchCache();
  const model = join(folder, `base-${task}`);
  const batches = join(folder, `${task}-${batch}.safetensors`);
  make(python, { do: 'model', folder: model, ...TASKS[task] });
  make(python, { do: 'batches', path: batches, task, batch, count: DISTINCT_BATCHES });
  return { task, model, batches };
}

/** The ONNX export of a workload's forward pass, for int8 with its products quantized. */
export function prepareOnnx(
  python: string,
  { task, model, batches }: Workload,
  precision: SubjectArgs['precision'],
): string {
  const folder = join(benchCache(), 'onnx');
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${task}.onnx`);
  make(python, { do: 'onnx', path, folder: model, class_name: TASKS[task].class_name, batches });
  if (precision !== 'int8') return path;
  const quantized = join(folder, `${task}-int8.onnx`);
  make(python, { do: 'onnx-int8', path: quantized, source: path });
  return quantized;
}

/** The older format beside `model.safetensors` is preferred by neither side: for a comparison of it the newer one steps aside. */
export function pytorchOnly(model: string): string {
  const folder = `${model}-bin`;
  if (!existsSync(folder)) {
    mkdirSync(`${folder}.part`, { recursive: true });
    for (const file of ['config.json', 'pytorch_model.bin'])
      execFileSync('ln', ['-sf', join(model, file), join(`${folder}.part`, file)]);
    renameSync(`${folder}.part`, folder);
  }
  return folder;
}

function make(python: string, command: Record<string, unknown>): void {
  execFileSync(python, [pythonFile('workload.py'), JSON.stringify(command)], { stdio: ['ignore', 'ignore', 'pipe'] });
}
