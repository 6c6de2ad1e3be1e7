// Measures which attention heads of a model find the regions that phrases name.
import { ConfigError } from '../errors.js';
import { type HeadAccuracy, HeadAccuracyTest } from '../explain/head-accuracy.js';
import { prepareAttention, runTrace } from '../explain/trace.js';
import { VisualBertModel } from '../models/visual-bert-model.js';
import { lengthBatches } from '../pipelines/batching.js';
import { collateExamples, type PipelineExample, regionCount, sizeOfExample } from '../pipelines/example.js';
import { DEFAULT_BUCKETS } from '../processing/batch.js';
import type { GroundingExample } from '../tasks/grounding/grounding.js';
import { openTask } from '../tasks/open-task.js';
import type { OpenedTask } from '../tasks/shared/opened-task.js';
import type { RunFunction } from '../inference/runner.js';
import { withForwardPass } from './forward-pass.js';
import { type EvaluateExplanationsOptions, evaluateExplanationsSchema, portionsOf } from './evaluate-explanations.js';
import { parseOptions } from '../options.js';

/**
 * For each layer and head how often the region that a phrase's last word attends to most matches the phrase (Flickr30k Entities or own
 * sentences with phrases). Any checkpoint can be used: its head is not needed.
 * @throws ConfigError for data without phrases
 * @example
 * const data = { entities: 'flickr30k_entities', split: 'test.txt', features: 'features.vbf' };
 * const { best, baseline } = await evaluateHeads({ task: 'flickr', model: 'runs/vqa', data });
 * console.log(`layer ${best.layer}, head ${best.head}: ${best.accuracy}; one region: ${baseline.accuracy}`);
 */
export async function evaluateHeads(options: Omit<EvaluateExplanationsOptions, 'seed'>): Promise<HeadAccuracy> {
  const resolved = parseOptions('evaluateHeads', evaluateExplanationsSchema.omit({ seed: true }), options);
  const { task: name, model: source, data, batchSize, allowFreshWeights, limit = Infinity } = resolved;
  if (name !== 'flickr' && name !== 'grounding')
    throw new ConfigError(
      `task ${name}: attention heads are evaluated on sentences with phrases; give data of flickr or grounding`,
    );
  const opened = await openTask(name, data, { purpose: 'evaluate', model: source });
  try {
    const loaded = { Model: VisualBertModel, where: source, allowFreshWeights };
    return await withForwardPass(loaded, async (forward, model) => {
      const test = new HeadAccuracyTest();
      const attention = prepareAttention(model, forward);
      for await (const portion of portionsOf(opened, Math.min(limit, opened.data.length)))
        await addExamples(test, portion as GroundingExample[], attention, { opened, batchSize });
      return test.compute();
    });
  } finally {
    await opened.close();
  }
}

async function addExamples(
  test: HeadAccuracyTest,
  examples: readonly GroundingExample[],
  attention: RunFunction,
  { opened, batchSize }: { opened: OpenedTask; batchSize: number },
): Promise<void> {
  const seen = examples.map(({ text, regions }): PipelineExample => ({ sequences: [{ text, regions }], labels: [] }));
  for (const indices of lengthBatches(seen.map(sizeOfExample), batchSize)) {
    const chosen = indices.map((index) => seen[index] as PipelineExample);
    const inputs = collateExamples(
      chosen,
      opened.processor,
      { hasChoices: false, asked: null },
      { buckets: DEFAULT_BUCKETS },
    );
    const { layersOf } = await runTrace(attention, inputs);
    const textLength = inputs['inputIds']?.shape[1] ?? 0;
    indices.forEach((index, row) => {
      const example = examples[index] as GroundingExample;
      const text = example.text.ids.length;
      const layers = layersOf({ row, text, regions: regionCount(example), textLength });
      const phrases = example.positions.map((position, i) => ({ position, matches: example.matches[i] ?? [] }));
      test.add(layers, text, phrases);
    });
  }
}
