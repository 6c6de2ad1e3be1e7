// What explains the answers of one input. Each part is computed when it is first asked for, and once for the numbers and the page.
import type { PipelineInput, PipelineName } from '../pipelines/contract.js';
import type { PipelineAccess } from '../pipelines/create.js';
import { traceExample } from './attributions.js';
import type { ExplainedAnswer } from './contract.js';
import {
  type AnsweredExample,
  answeredExample,
  answersOf,
  explainedExample,
  type ExplainedExample,
} from './explained-example.js';
import { leaveOutEach, leaveOutPairs } from './leave-out.js';
import type { LayerAttention } from './trace.js';

/** One answer and what explains it. */
export interface StudiedAnswer extends ExplainedExample {
  /** The layers of the sequence, with the gradient of the answer's score. */
  layers(): Promise<LayerAttention[]>;
  /** The drop of the probability without each word, and without each region. */
  drops(): Promise<{ words: number[]; regions: number[] }>;
  /** `[words][regions]`: see `leaveOutPairs`. */
  pairDrops(): Promise<number[][]>;
}

/** An input under study. */
export class Study {
  private readonly studied = new Map<number, StudiedAnswer>();

  private constructor(readonly answered: AnsweredExample) {}

  /** @throws ConfigError for a task without answers, or an absent phrase or mask */
  static async of<T extends PipelineName>(
    access: PipelineAccess<T>,
    input: PipelineInput<T>,
    asked?: number,
  ): Promise<Study> {
    return new Study(await answeredExample(access, input, asked));
  }

  /** The most likely answers, best first. */
  answers(topK: number): ExplainedAnswer[] {
    return answersOf(this.answered, topK);
  }

  /** An answer by its text or class; default the most likely one. @throws ConfigError for one that the model does not have */
  answer(wanted?: string | number): StudiedAnswer {
    const example = explainedExample(this.answered, wanted);
    const known = this.studied.get(example.answer.index);
    if (known !== undefined) return known;
    const drops = once(() => leaveOutEach(example));
    const studied: StudiedAnswer = {
      ...example,
      layers: once(() => traceExample(example)),
      drops,
      pairDrops: once(async () => leaveOutPairs(example, await drops())),
    };
    this.studied.set(example.answer.index, studied);
    return studied;
  }
}

/** A function whose first result is that of all calls. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}
