// The names of a head's classes: numLabels, id2label and label2id made to agree.
import { ConfigError } from '../errors.js';

/** Classes of a head, their names by number, and their numbers by name. */
export interface Labels {
  numLabels: number;
  id2label: Readonly<Record<number, string>>;
  label2id: Readonly<Record<string, number>>;
}

/** Names of classes without names: `LABEL_0` and so on. */
export function labelTable(count: number): Record<number, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [i, `LABEL_${i}`]));
}

/** numLabels, id2label and label2id from whichever of the first two is given (two labels when neither is). */
export function labelsOf({ numLabels, id2label, label2id }: Partial<Labels>): Labels {
  const given = id2label !== undefined && Object.keys(id2label).length > 0;
  const names = given ? id2label : labelTable(numLabels ?? 2);
  const count = Object.keys(names).length;
  if (numLabels !== undefined && numLabels !== count) {
    throw new ConfigError(
      `VisualBertConfig: numLabels is ${numLabels} and id2label names ${count}; give one of them, or both alike`,
    );
  }
  for (let id = 0; id < count; id++) {
    if (names[id] === undefined) {
      throw new ConfigError(
        `VisualBertConfig: id2label has ${count} entries but no name for ${id}; number the labels from 0`,
      );
    }
  }
  const ids = label2id !== undefined && Object.keys(label2id).length > 0 ? label2id : invert(names);
  return { numLabels: count, id2label: { ...names }, label2id: { ...ids } };
}

function invert(names: Readonly<Record<number, string>>): Record<string, number> {
  return Object.fromEntries(Object.entries(names).map(([id, name]) => [name, Number(id)]));
}
