// Hidden states of a text and of regions, without a head.
import { VisualBertModel } from '../../models/visual-bert-model.js';
import type { RawTensor } from '../../raw-tensor.js';
import { regionCount } from '../example.js';
import type { PipelineDefinition } from '../head.js';

export const featureExtraction: PipelineDefinition<'feature-extraction'> = {
  Model: VisualBertModel,
  input: { text: true, textPair: false, regions: false },
  textForm: 'plain',
  createHead: ({ processor, readImages }) => ({
    hasChoices: false,
    asked: null,
    scores: null,
    encode: async ({ text: given, textPair, regions }) => {
      const images = regions === undefined ? [] : await readImages(regions);
      return { sequences: [{ text: await processor.encodeText(given, textPair), regions: images }], labels: [] };
    },
    decode: ({ example, outputs: { lastHiddenState, poolerOutput }, row, textLength }) => {
      const [sequence] = example.sequences;
      const { shape, data } = lastHiddenState as RawTensor;
      const [, s = 0, h = 0] = shape;
      const rows = (from: number, count: number): RawTensor => {
        const start = (row * s + from) * h;
        return { dtype: 'float32', shape: [count, h], data: data.slice(start, start + count * h) as Float32Array };
      };
      const t = sequence?.text.ids.length ?? 0;
      const v = sequence === undefined ? 0 : regionCount(sequence);
      const pooled = (poolerOutput as RawTensor).data.slice(row * h, (row + 1) * h) as Float32Array;
      return {
        text: rows(0, t),
        regions: v === 0 ? null : rows(textLength, v),
        pooled: { dtype: 'float32', shape: [h], data: pooled },
      };
    },
  }),
};
