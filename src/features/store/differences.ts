// What differs between the properties of two stores, for messages.
import { differingNames } from '../../options.js';
import { detectorText, isSameDetector, type StoredDetector } from '../detector-identity.js';

/** A property that differs, with both values as text. */
export interface Difference {
  readonly name: string;
  readonly here: string;
  readonly there: string;
}

type Properties = Readonly<Record<string, unknown>>;

/** The properties that differ; of detectors which they are, or the settings in which one differs from itself. */
export function differences(here: object, there: object): Difference[] {
  const [{ detector: a, ...ours }, { detector: b, ...theirs }] = [here as Detected, there as Detected];
  const rest = unequal(ours, theirs, '');
  return isSameDetector(a, b) === true
    ? [...rest, ...unequal(a?.settings ?? {}, b?.settings ?? {}, 'setting ')]
    : [...rest, { name: 'detector', here: textOf(a), there: textOf(b) }].filter((one) => one.here !== one.there);
}

interface Detected {
  detector?: StoredDetector | undefined;
}

function textOf(detector: StoredDetector | undefined): string {
  return detector === undefined ? 'none' : detectorText(detector);
}

function unequal(here: Properties, there: Properties, prefix: string): Difference[] {
  const text = (value: unknown): string => JSON.stringify(value) ?? 'none';
  return differingNames(here, there).map((name) => ({
    name: prefix + name,
    here: text(here[name]),
    there: text(there[name]),
  }));
}
