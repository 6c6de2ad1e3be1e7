// Measures how far the probability of an answer falls when the model does not see a word or a region.
import { lengthBatches } from '../pipelines/batching.js';
import { type PipelineExample, sizeOfExample } from '../pipelines/example.js';
import { probabilitiesOf } from '../pipelines/head.js';
import type { ExplainedExample } from './explained-example.js';
import { withoutPositions } from './words.js';

/** What the model does not see of an example: text positions are removed, regions masked. */
export interface Removal {
  positions?: readonly number[];
  regions?: readonly number[];
}

/** Examples that run together. */
const BATCH_SIZE = 32;

/** The drop for each word and each region. A word whose state the head reads cannot be left out: its drop is 0. */
export async function leaveOutEach(study: ExplainedExample): Promise<{ words: number[]; regions: number[] }> {
  const { words, regions, answer } = study;
  const probabilities = await probabilitiesWithout(study, [
    ...words.map(({ positions }) => ({ positions })),
    ...Array.from({ length: regions }, (_, region) => ({ regions: [region] })),
  ]);
  const falls = probabilities.map((probability) => answer.score - probability);
  return { words: falls.slice(0, words.length), regions: falls.slice(words.length) };
}

/** `[words][regions]`: the drop without the region, minus that drop when the word is removed as well. */
export async function leaveOutPairs(
  study: ExplainedExample,
  single: { words: readonly number[]; regions: readonly number[] },
): Promise<number[][]> {
  const { words, regions, answer } = study;
  const both = await probabilitiesWithout(
    study,
    words.flatMap(({ positions }) =>
      Array.from({ length: regions }, (_, region) => ({ positions, regions: [region] })),
    ),
  );
  return words.map(({ positions }, i) =>
    single.regions.map((fall, region) => {
      if (positions.includes(study.position)) return 0;
      const fallWithoutWord = answer.score - (single.words[i] as number) - (both[i * regions + region] as number);
      return fall - fallWithoutWord;
    }),
  );
}

/** The probability of the explained answer for each removal. */
export async function probabilitiesWithout(study: ExplainedExample, removals: readonly Removal[]): Promise<number[]> {
  const { access, scores, answer } = study;
  const examples = removals.map((removal) => exampleWithout(study, removal));
  const probabilities: number[] = [];
  for (const indices of lengthBatches(examples.map(sizeOfExample), BATCH_SIZE)) {
    const computed = await access.run(access.collate(indices.map((index) => examples[index] as PipelineExample)));
    computed.forEach((one, i) => {
      probabilities[indices[i] as number] = probabilitiesOf(scores, one)[answer.index] as number;
    });
  }
  return probabilities;
}

/** The example for one question, without the removed parts; of several choices only the answer's changes. */
function exampleWithout(
  { example, sequence, sequenceIndex, position, asked }: ExplainedExample,
  { positions = [], regions = [] }: Removal,
): PipelineExample {
  const removed = new Set(positions.includes(position) ? [] : positions);
  const about =
    sequence.asked === undefined ? sequence : { ...sequence, asked: sequence.asked.slice(asked, asked + 1) };
  const changed = { ...withoutPositions(about, removed), hidden: regions };
  return {
    sequences: example.sequences.map((one, index) => (index === sequenceIndex ? changed : one)),
    labels: example.labels,
  };
}
