// A detector's forward pass op by op on the current backend; suppression runs in plain arrays, which are read without blocking.
import { tf } from '#tf';
import { suppress } from '../boxes/suppress.js';
import { featureMaps } from './backbone.js';
import type { DetectorConfig } from './config.js';
import type { DetectorPass, OutputValues } from './detector-pass.js';
import { describeProposals, type DetectorOutputs } from './forward.js';
import type { DetectorNetwork } from './network.js';
import type { PictureBatch } from './preprocess.js';
import { bestProposals, type Candidates, candidatesOf, rateAnchors } from './proposals.js';

/** An eager pass. It owns the network. */
export function createEagerPass(network: DetectorNetwork, config: DetectorConfig): DetectorPass {
  return {
    shapes: 'exact',
    run: (batch) => runEagerly(batch, network, config),
    dispose: () => {
      tf.dispose(network as unknown as tf.TensorContainer);
      return Promise.resolve();
    },
  };
}

async function runEagerly(
  { shape, pixels, sizes: ends }: PictureBatch,
  network: DetectorNetwork,
  config: DetectorConfig,
): Promise<OutputValues> {
  const first = tf.tidy(() => {
    const sizes = tf.tensor2d(ends, [shape[0], 2]);
    const maps = featureMaps(tf.tensor4d(pixels, shape), network, config);
    return { sizes, maps, candidates: candidatesOf(rateAnchors(maps, network, config), sizes, config) };
  });
  try {
    const kept = await Promise.all(
      first.candidates.map((levels) => Promise.all(levels.map((own) => suppressed(own, config)))),
    );
    const outputs = tf.tidy(() => {
      const tensors = kept.map((levels) =>
        levels.map(({ boxes, scores }) => ({
          boxes: tf.tensor2d(boxes, [scores.length, 4]),
          scores: tf.tensor1d(scores),
        })),
      );
      return describeProposals(first.maps, bestProposals(tensors, config), first.sizes, network, config);
    });
    return await valuesOf(outputs);
  } finally {
    tf.dispose(first as unknown as tf.TensorContainer);
  }
}

/** Boxes after suppression, by descending scores, padded to the rows of the recorded pass with boxes of 0 and scores of -infinity. */
async function suppressed(
  { boxes, scores }: Candidates,
  { proposals, boxes: convention }: DetectorConfig,
): Promise<{ boxes: Float32Array; scores: Float32Array }> {
  const [corners, logits] = (await Promise.all([boxes.data(), scores.data()])) as [Float32Array, Float32Array];
  const count = Math.min(proposals.after, logits.length);
  const usable = [...logits.keys()].filter((row) => logits[row] !== Number.NEGATIVE_INFINITY);
  const own = Float32Array.from(usable.flatMap((row) => [...corners.subarray(row * 4, row * 4 + 4)]));
  const { threshold } = proposals;
  const rows = suppress(own, usable.map((row) => logits[row] as number), { threshold, convention }).slice(0, count); // prettier-ignore
  const kept = { boxes: new Float32Array(count * 4), scores: new Float32Array(count).fill(Number.NEGATIVE_INFINITY) };
  rows.forEach((row, i) => {
    kept.boxes.set(own.subarray(row * 4, row * 4 + 4), i * 4);
    kept.scores[i] = logits[usable[row] as number] as number;
  });
  return kept;
}

/** Reads and disposes the outputs. */
async function valuesOf(outputs: DetectorOutputs): Promise<OutputValues> {
  const entries = await Promise.all(
    Object.entries(outputs).map(async ([name, tensor]: [string, tf.Tensor]) => {
      const data = await tensor.data();
      tensor.dispose();
      return [name, data] as const;
    }),
  );
  return Object.fromEntries(entries) as unknown as OutputValues;
}
