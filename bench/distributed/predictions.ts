// Compares the model of a step with the measurements, and predicts other numbers of workers and networks.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { sendsOnlyRows } from '../../src/training/step/update/worker-sums.js';
import { TEXT } from '../measurements.js';
import { modelledStepMs, ringBytes, type StepCosts } from './step-model.js';

/** Times of a step in ms: in total, and without exchange. */
export interface MeasuredStep {
  workers: number;
  wire: 'fp32' | 'bf16';
  ms: number;
  aloneMs: number;
}

/** The machine and the model of a measurement. */
export interface Setting {
  /** Folder of the checkpoint. */
  model: string;
  /** Cores that all workers share. */
  threads: number;
  /** Rate of the loopback device for all workers together; Infinity if it was not limited. */
  gbits: number;
  /** Processor time per sent byte, in ns; null: from the measurement with two workers in fp32. */
  copyNs: number | null;
  /** Examples shared by all measured workers; each predicted worker has as many. */
  batch: number;
}

/** Rows of the word table, and bytes of one. */
const [WORDS, ROW] = [30522, 768 * 4] as const;
/** Bytes of the gradients that are computed last, besides those of words: the projection of the regions, and two tables of positions. */
const LAST_GRADIENTS = (2048 + 2 * 512) * ROW;
/** Time of AdamW in a step of batch 8 on two cores: see docs/bench.md. */
const UPDATE_SHARE = 0.04;
/** The backward pass has twice the products of the forward pass. */
const FORWARD_SHARE = 1 / 3;
/** Latency of a message between machines, and on the loopback device. */
const [WIRE_LATENCY_MS, LOOPBACK_LATENCY_MS] = [0.1, 0.03];
/** The predicted cases. */
const [FLEETS, RATES] = [[8, 64, 512], [10, 25, 100]] as const; // prettier-ignore
/** A worker on a graphics card, as an example: its step, and no copies by the processor, as with NCCL. */
const CARD_STEP_MS = 100;

/** Lines with measured and modelled times, then predictions for other clusters. */
export function describeModel(measured: readonly MeasuredStep[], setting: Setting): string {
  const copyNs = setting.copyNs ?? copyingOf(measured, setting);
  const checks = measured.map(({ workers, wire, ms, aloneMs }) => {
    const cores = setting.threads / workers;
    const costs = costsOf(aloneMs, bytesOf(setting, setting.batch), wire, copyNs / cores);
    const network = { workers, gbits: setting.gbits / workers, latencyMs: LOOPBACK_LATENCY_MS };
    const modelled = modelledStepMs(costs, network);
    return `${workers} workers, ${wire}: measured ${ms.toFixed(0)} ms, modelled ${modelled.toFixed(0)} ms (${percent(modelled / ms - 1)})`;
  });
  const alone = measured.find(({ workers }) => workers === 1)?.aloneMs;
  const fleets =
    alone === undefined
      ? []
      : [
          ...fleetLines('this machine', alone, setting, copyNs / setting.threads),
          ...fleetLines(`a worker whose step takes ${CARD_STEP_MS} ms, without copies`, CARD_STEP_MS, setting, 0),
        ];
  return [`the model, with ${copyNs.toFixed(2)} ns of a core for each byte sent:`, ...checks, ...fleets].join('\n');
}

/** Step time and efficiency by workers and Gbit/s, each worker with the batch of the one. */
function fleetLines(who: string, aloneMs: number, setting: Setting, copyNs: number): string[] {
  return (['fp32', 'bf16'] as const).flatMap((wire) => [
    `computed: each worker is ${who}, ${aloneMs.toFixed(0)} ms alone, gradients in ${wire}; step in ms (share of the speed without exchange)`,
    `| workers | ${RATES.map((rate) => `${rate} Gbit/s`).join(' | ')} |`,
    `|---|${RATES.map(() => '---|').join('')}`,
    ...FLEETS.map((workers) => {
      const costs = costsOf(aloneMs, bytesOf(setting, workers * setting.batch), wire, copyNs);
      const cells = RATES.map((gbits) => {
        const ms = modelledStepMs(costs, { workers, gbits, latencyMs: WIRE_LATENCY_MS });
        return `${ms.toFixed(0)} (${percent(aloneMs / ms)})`;
      });
      return `| ${workers} | ${cells.join(' | ')} |`;
    }),
  ]);
}

/** @param copyNs of the worker's cores together */
function costsOf(
  aloneMs: number,
  { bytes, lastBytes }: Pick<StepCosts, 'bytes' | 'lastBytes'>,
  wire: 'fp32' | 'bf16',
  copyNs: number,
): StepCosts {
  const scale = wire === 'bf16' ? 0.5 : 1;
  const updateMs = UPDATE_SHARE * aloneMs;
  const passes = aloneMs - updateMs;
  return {
    forwardMs: FORWARD_SHARE * passes,
    backwardMs: (1 - FORWARD_SHARE) * passes,
    updateMs,
    bytes: scale * bytes,
    lastBytes: scale * lastBytes,
    copyMsPerByte: copyNs / 1e6,
  };
}

/** Nanoseconds of a core per sent byte, from two workers. */
function copyingOf(measured: readonly MeasuredStep[], setting: Setting): number {
  const two = measured.find(({ workers, wire }) => workers === 2 && wire === 'fp32');
  if (two === undefined) return 0;
  const cores = setting.threads / 2;
  return (1e6 * cores * Math.max(0, two.ms - two.aloneMs)) / ringBytes(bytesOf(setting, setting.batch).bytes, 2);
}

/** Bytes of gradients in float32: of all parameters, which are in the file of the checkpoint, but of the words only the rows that were read. */
function bytesOf({ model }: Setting, examples: number): Pick<StepCosts, 'bytes' | 'lastBytes'> {
  const rows = examples * TEXT;
  const words = (sendsOnlyRows(rows, WORDS) ? rows : WORDS) * ROW;
  const others = statSync(join(model, 'model.safetensors')).size - WORDS * ROW;
  return { bytes: others + words, lastBytes: LAST_GRADIENTS + words };
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)}%`;
}
