// The layers inside a plain tf.model: built from symbolic tensors, compiled, fitted, saved and loaded by tfjs itself.
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { Classifier } from '../../src/layers/classifier.js';
import { Embeddings } from '../../src/layers/embeddings.js';
import { EncoderLayer } from '../../src/layers/encoder-layer.js';
import { Pooler } from '../../src/layers/pooler.js';
import { useBackend } from '../helpers/backend.js';
import { toBeCloseToTensor } from '../helpers/tensors.js';

beforeAll(async () => {
  await useBackend();
});

const initializerRange = 0.2;
const layerNormEps = 1e-12;

/** Is the sum of the features of region 0 positive? Two layers, text of three tokens, two regions of five features. */
function createClassifier(): tf.LayersModel {
  const ids = tf.input({ shape: [3], dtype: 'int32' });
  const regions = tf.input({ shape: [2, 5] });
  const sizes = { vocabSize: 9, hiddenSize: 12, visualEmbeddingDim: 5, maxPositionEmbeddings: 7, typeVocabSize: 2 };
  const embeddings = new Embeddings({
    name: 'embeddings',
    ...sizes,
    padTokenId: 0,
    layerNormEps,
    hiddenDropoutProb: 0.1,
    initializerRange,
  });
  let x = embeddings.apply([ids, regions]) as tf.SymbolicTensor;
  for (const i of [0, 1]) {
    const rates = { hiddenDropoutProb: 0.1, attentionProbsDropoutProb: 0.1 };
    const layer = { numAttentionHeads: 4, intermediateSize: 10, hiddenAct: 'gelu', layerNormEps, initializerRange };
    x = new EncoderLayer({ name: `encoder.layer.${i}`, ...layer, ...rates }).apply(x) as tf.SymbolicTensor;
  }
  const pooled = new Pooler({ name: 'pooler', initializerRange }).apply(x);
  const scores = new Classifier({ name: 'cls', numLabels: 2, hiddenDropoutProb: 0, initializerRange }).apply(pooled);
  return tf.model({ inputs: [ids, regions], outputs: tf.layers.softmax().apply(scores) as tf.SymbolicTensor });
}

function examples(count: number): { inputs: tf.Tensor[]; labels: tf.Tensor } {
  return tf.tidy(() => {
    const regions = tf.randomNormal([count, 2, 5], 0, 1, 'float32', 7);
    const first = tf.sum(tf.slice(regions, [0, 0, 0], [-1, 1, -1]), [1, 2]);
    const isPositive = tf.cast(tf.greater(first, 0), 'int32');
    const ids = tf.tile(tf.tensor2d([[2, 5, 3]], [1, 3], 'int32'), [count, 1]);
    return {
      inputs: [ids, tf.mul(regions, tf.tensor([3, 1]).reshape([1, 2, 1]))],
      labels: tf.oneHot(isPositive as tf.Tensor1D, 2).cast('float32'),
    };
  });
}

describe('tf.model', () => {
  test('fits, and comes back from a file with the same predictions', async () => {
    const model = createClassifier();
    model.compile({ optimizer: tf.train.adam(1e-2), loss: 'categoricalCrossentropy', metrics: ['accuracy'] });
    const { inputs, labels } = examples(64);
    const history = await model.fit(inputs, labels, { epochs: 20, batchSize: 64, verbose: 0, shuffle: false });
    const losses = history.history['loss'] as number[];
    expect(losses.at(-1)).toBeLessThan(0.5 * (losses[0] as number));

    let saved: tf.io.ModelArtifacts | undefined;
    await model.save(tf.io.withSaveHandler(async (artifacts) => {
      saved = artifacts;
      return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' } };
    })); // prettier-ignore
    const names = saved?.weightSpecs?.map(({ name }) => name);
    expect(names).toContain('encoder.layer.1/attention.self.query.weight');
    const copy = await tf.loadLayersModel(tf.io.fromMemory(saved as tf.io.ModelArtifacts));
    const [before, after] = [model.predict(inputs) as tf.Tensor, copy.predict(inputs) as tf.Tensor];
    await toBeCloseToTensor(after, before, 0);
    tf.dispose([before, after, ...inputs, labels]);
    expect(model.dispose().numDisposedVariables).toBeGreaterThan(0);
    copy.dispose();
  });

  test('two models with the same layer names live in one process', async () => {
    const [first, second] = [createClassifier(), createClassifier()];
    const { inputs, labels } = examples(3);
    const [a, b] = [first.predict(inputs) as tf.Tensor, second.predict(inputs) as tf.Tensor];
    await toBeCloseToTensor(a, b, 0);
    tf.dispose([a, b, ...inputs, labels]);
    first.dispose();
    second.dispose();
  });
});
