// Which detector made region features, as stores, runs and checkpoints record it, and whether two records agree.

/** The detector that made some features. */
export interface DetectorIdentity {
  /** Its name among the known detectors; null for your own. */
  readonly name: string | null;
  /** SHA-256 of its weights, `model.safetensors` of a converted detector, in hex. */
  readonly weights?: string;
}

/** The name of the network inside the authors' VCR checkpoint, which describes given boxes. */
export const VCR_FEATURE_EXTRACTOR = 'vcr-r50';

/** A detector as a store records it. */
export interface StoredDetector extends DetectorIdentity {
  /** Its settings, as in the config.json of a converted detector. */
  readonly settings?: Readonly<Record<string, unknown>>;
}

/** Whether both make the same features; null when that is unknown. */
export function isSameDetector(
  a: DetectorIdentity | null | undefined,
  b: DetectorIdentity | null | undefined,
): boolean | null {
  if (!a || !b) return null;
  if (a.name !== null && b.name !== null && a.name !== b.name) return false;
  if (a.weights !== undefined && b.weights !== undefined) return a.weights === b.weights;
  return a.name !== null && a.name === b.name ? true : null;
}

/** `mmf-x101`, or `a detector with the weights 1a2b3c4d`. */
export function detectorText({ name, weights }: DetectorIdentity): string {
  const digits = weights === undefined ? '' : ` with the weights ${weights.slice(0, 8)}`;
  return `${name ?? 'a detector'}${digits}`;
}

/** The detector in a JSON file; null for anything else. */
export function parseDetectorIdentity(value: unknown): DetectorIdentity | null {
  if (typeof value !== 'object' || value === null) return null;
  const { name, weights } = value as Record<string, unknown>;
  if (name !== null && typeof name !== 'string') return null;
  return { name, ...(typeof weights === 'string' && { weights }) };
}

/** The detector in a store's index; null for anything else. */
export function parseStoredDetector(value: unknown): StoredDetector | null {
  const identity = parseDetectorIdentity(value);
  if (identity === null) return null;
  const { settings } = value as { settings?: unknown };
  const hasSettings = typeof settings === 'object' && settings !== null && !Array.isArray(settings);
  return { ...identity, ...(hasSettings && { settings: settings as Record<string, unknown> }) };
}
