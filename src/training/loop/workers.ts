// Runs over several workers: agreement before the start and at each update, and the training loop of all workers but worker 0.
import { type Cluster } from '../../cluster/contract.js';
import { differenceOf } from '../../cluster/difference.js';
import { TrainingError } from '../../errors.js';
import { listenForStop } from '../../platform/stop-signals.js';
import { openTrainingStep } from '../step/compiled-step.js';
import { type TrainingStep } from '../step/contract.js';
import { argumentRole, flatTrainingArguments, stepOptionsOf } from '../arguments.js';
import { isEvaluationDue, type RunContext, type RunPlan } from './run-context.js';
import { type EndReason, type TrainResult } from './trainer-options.js';
import { remainingUpdates } from './updates.js';
import { Validation } from './validation.js';

/** Compares data, arguments and settings of all workers. @throws TrainingError naming a worker and what differs */
export async function requireAgreement<E>(plan: RunPlan<E>, cluster: Cluster): Promise<void> {
  const { train, validation, fixedSettings, arguments: given, model } = plan;
  const shapes = [...model.namedParameters()].map(([name, { shape }]) => `${name} ${shape.join()}`);
  const facts = {
    'the training examples': train.fingerprint,
    'the validation examples': validation?.fingerprint ?? 'none',
    'the parameters of the model': shapes.join('; '),
    ...Object.fromEntries(
      Object.entries({ ...fixedSettings, ...flatTrainingArguments(given) }).flatMap(([name, value]) =>
        argumentRole(name).variesByWorker === true ? [] : [[name, JSON.stringify(value) ?? 'not set'] as const],
      ),
    ),
  };
  const [first, ...others] = await cluster.exchange<Record<string, string>>('what is trained', facts);
  for (const [i, other] of others.entries()) {
    const difference = differenceOf(first ?? {}, other);
    if (difference === null) continue;
    throw new TrainingError(
      `worker ${i + 1} differs from worker 0: ${difference}; start all workers with the same data and settings`,
    );
  }
}

/** Copies the state of worker 0 to all, and verifies it. @throws TrainingError naming a worker whose values differ */
export async function synchronise(trainingStep: TrainingStep, cluster: Cluster): Promise<void> {
  const checksums = await cluster.exchange('the state at the start', await trainingStep.synchronise());
  const other = checksums.findIndex((checksum) => checksum !== checksums[0]);
  if (other === -1) return;
  throw new TrainingError(
    `worker ${other} differs from worker 0 after copying its parameters (checksum ${checksums[other]}, expected ${checksums[0]}); check its memory and network`,
  );
}

/** Whether the workers stop before an update: the reason of the first that has one. All workers must call it, with their own reason. */
export async function agreedEnd(cluster: Cluster, step: number, own: EndReason | null): Promise<EndReason | null> {
  const reasons = await cluster.exchange<EndReason | null>(`before update ${step}`, own);
  return reasons.find((reason) => reason !== null) ?? null;
}

/** Whether to evaluate after a step: worker 0 decides, the others pass null. */
export async function agreedEvaluation(cluster: Cluster, step: number, isMade: boolean | null): Promise<boolean> {
  const [answer] = await cluster.exchange<boolean | null>(`whether to evaluate after step ${step}`, isMade);
  return answer === true;
}

/** Trains on every worker but worker 0, which logs and saves. */
export async function trainAsWorker<E>(plan: RunPlan<E>, cluster: Cluster): Promise<TrainResult> {
  const { model, totalSteps, arguments: given } = plan;
  const trainingStep = await openTrainingStep(model, stepOptionsOf(given, totalSteps), cluster);
  const signals = listenForStop(() => undefined);
  await synchronise(trainingStep, cluster);
  const reason = await workerEpochs({ ...plan, cluster, trainingStep, signals });
  signals.release();
  await trainingStep.dispose();
  return {
    step: trainingStep.step,
    totalSteps,
    reason,
    best: null,
    metrics: null,
    recordings: trainingStep.recordings,
    padding: null,
  };
}

type WorkerRun<E> = RunPlan<E> & Pick<RunContext<E>, 'trainingStep' | 'signals'> & { cluster: Cluster };

async function workerEpochs<E>(run: WorkerRun<E>): Promise<EndReason> {
  const { cluster, trainingStep, signals } = run;
  const validation = run.validation === null ? null : new Validation(run, run.validation);
  /** Takes part in an evaluation. Returns why all stopped in it. */
  const evaluate = async (): Promise<EndReason | null> => {
    if (validation === null || trainingStep.step === 0 || !isEvaluationDue(run, trainingStep.step)) return null;
    if (!(await agreedEvaluation(cluster, trainingStep.step, null))) return null;
    return (await validation.evaluate(() => undefined)).stoppedBy;
  };
  const atStart = await evaluate(); // a run that was stopped before an evaluation that was due
  if (atStart !== null) return atStart;
  for await (const { inputs, shares } of remainingUpdates(run)) {
    const reason = await agreedEnd(cluster, trainingStep.step, signals.received);
    if (reason !== null) return reason;
    await trainingStep.run(inputs, shares);
    const stoppedBy = await evaluate();
    if (stoppedBy !== null) return stoppedBy;
  }
  return 'finished';
}

/**
 * Runs this worker until its end, or the failure of another. At the end all wait for worker 0, which may still evaluate and save.
 * After a failure the process must exit: a sum that waits for a lost worker blocks the session.
 */
export async function withCluster(cluster: Cluster, work: () => Promise<TrainResult>): Promise<TrainResult> {
  const whole = async (): Promise<TrainResult> => {
    const result = await work();
    await cluster.exchange('the end', null);
    return result;
  };
  try {
    const result = await Promise.race([whole(), cluster.failure]);
    cluster.leave();
    return result;
  } catch (error) {
    throw await cluster.fail(error);
  }
}
