// Chooses questions so that no wording predicts its answer.
import { type RandomStream } from './random-stream.js';

/** A question or statement with its answer. */
export interface Asked {
  /** The pattern that the text was made from: every template gets the same share. */
  readonly template: string;
  readonly text: string;
  readonly answer: string;
}

/** A question or statement about one scene. */
export interface Probe extends Asked {
  readonly sceneId: string;
  /** The color-shape pairs that the answer depends on. */
  readonly pairs: readonly string[];
}

/**
 * For each text takes every answer that ever occurs to it equally often, up to `perTemplate` probes of a template,
 * spread evenly over its texts. A text with a single possible answer is dropped.
 */
export function balanced<P extends Asked>(probes: readonly P[], perTemplate: number, random: RandomStream): P[] {
  return [...grouped(probes, (p) => p.template).values()].flatMap((ofTemplate) => {
    const texts = [...grouped(ofTemplate, (p) => p.text).values()].map((ofText) => [
      ...grouped(ofText, (p) => p.answer).values(),
    ]);
    const askable = texts.filter((answers) => answers.length > 1);
    return askable.flatMap((answers) => {
      const wanted = Math.ceil(perTemplate / askable.length / answers.length);
      const each = Math.min(wanted, ...answers.map((sameAnswer) => sameAnswer.length));
      return answers.flatMap((sameAnswer) => random.shuffled(sameAnswer).slice(0, each));
    });
  });
}

/** Takes at most `perTemplate` probes of a template, whatever their answers. */
export function sampled<P extends Asked>(probes: readonly P[], perTemplate: number, random: RandomStream): P[] {
  const templates = [...grouped(probes, (p) => p.template).values()];
  return templates.flatMap((ofTemplate) => random.shuffled(ofTemplate).slice(0, perTemplate));
}

function grouped<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}
