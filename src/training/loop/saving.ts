// Writes the checkpoints of a run, and publishes the best model in its folder.
import { join } from 'node:path';
import { type BestEvaluation } from '../run-folder/trainer-state.js';
import { AVERAGE, publishModel } from '../run-folder/run-folder.js';
import { type RunContext, type RunPlan } from './run-context.js';

/** Writes a checkpoint, puts the best model into the run folder, and removes old checkpoints. */
export async function saveCheckpoint<E>(run: RunContext<E>): Promise<void> {
  const { store, state, trainingStep, model, callbacks } = run;
  const { step } = trainingStep;
  const dir = await store.write(step, state, async (temporary) => {
    await model.savePretrained(temporary);
    await trainingStep.saveState(temporary);
    if (run.arguments.step.emaDecay !== undefined)
      await trainingStep.withAverage(() => model.savePretrained(join(temporary, AVERAGE)));
  });
  const best = state.best?.step ?? step;
  if (best === step) await publish(run, step);
  await store.rotate(run.arguments.keepCheckpoints, [best]);
  await Promise.all(callbacks.map((callback) => callback.onSave?.(step, dir)));
}

/**
 * Publishes the best model of a resumed run, in case it was killed before. A damaged checkpoint does not replace the model in the folder.
 * @param checkedStep step of the checkpoint that the run resumes from, whose files are already verified
 */
export async function publishBest(
  run: Pick<RunPlan<unknown>, 'store' | 'progress' | 'arguments'>,
  best: BestEvaluation,
  checkedStep: number,
): Promise<void> {
  const problem = best.step === checkedStep ? null : await run.store.problemOf(best.step);
  if (problem === null) return publish(run, best.step);
  run.progress.line(`${problem}; it was the best checkpoint; the run folder keeps its current model`);
}

function publish(run: Pick<RunPlan<unknown>, 'store' | 'arguments'>, step: number): Promise<void> {
  return publishModel(run.store.dirOf(step), run.arguments.outputDir);
}
