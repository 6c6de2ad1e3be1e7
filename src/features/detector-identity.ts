// Identifies the detector that made region features, in stores, runs and checkpoints, and compares two identities.
import { defined } from '../options.js';
import { haveOtherNetworks } from './detector-networks.js';
import { LOOKS, type PixelFeatureOptions } from './pixel-options.js';

/** The detector that made some features. */
export interface DetectorIdentity {
  /** Its name among the known detectors; null for your own. */
  readonly name: string | null;
  /** SHA-256 of its weights, `model.safetensors` of a converted detector, in hex. */
  readonly weights?: string;
  /** The pixel features of the boxes, if they replace the features of the network. */
  readonly pixels?: Readonly<PixelFeatureOptions>;
}

/** The name of the network inside the authors' VCR checkpoint, which describes given boxes. */
export const VCR_FEATURE_EXTRACTOR = 'vcr-r50';

/** A detector with its settings, as in the index of a store. */
export interface StoredDetector extends DetectorIdentity {
  /** Its settings, as in the config.json of a converted detector. */
  readonly settings?: Readonly<Record<string, unknown>>;
}

/** Whether both make the same features; null when that is unknown. */
export function isSameDetector(
  a: StoredDetector | null | undefined,
  b: StoredDetector | null | undefined,
): boolean | null {
  if (!a || !b) return null;
  if (pixelsText(a) !== pixelsText(b)) return false;
  if (a.name !== null && b.name !== null && a.name !== b.name) return false;
  if (a.weights !== undefined && b.weights !== undefined) return a.weights === b.weights;
  if (a.name !== null && a.name === b.name) return true;
  if (isOfGivenBoxes(a) && isOfGivenBoxes(b)) return true;
  return haveOtherNetworks(a, b) ? false : null;
}

/** Whether no network is known that found the boxes. */
function hasNoNetwork({ name, weights }: DetectorIdentity): boolean {
  return name === null && weights === undefined;
}

/** `mmf-x101`, or `a detector with the weights 1a2b3c4d`; then the kind of pixel features, if its boxes have them. */
export function detectorText(identity: DetectorIdentity): string {
  return (isOfGivenBoxes(identity) ? 'given boxes' : networkText(identity)) + pixelsText(identity);
}

/** Whether regions are given boxes, described by their pixels. */
export function isOfGivenBoxes(identity: DetectorIdentity): boolean {
  return hasNoNetwork(identity) && identity.pixels !== undefined;
}

function pixelsText({ pixels }: DetectorIdentity): string {
  return pixels === undefined ? '' : `, with pixel features (${pixels.look}, ${pixels.cells} x ${pixels.cells} cells)`;
}

/** `mmf-x101 with the weights 1a2b3c4d`: the network alone. */
export function networkText({ name, weights }: DetectorIdentity): string {
  const digits = weights === undefined ? '' : ` with the weights ${weights.slice(0, 8)}`;
  return `${name ?? (digits === '' ? 'a detector without a name' : 'a detector')}${digits}`;
}

/** The detector in a JSON file; null for anything else. */
export function parseDetectorIdentity(value: unknown): DetectorIdentity | null {
  if (typeof value !== 'object' || value === null) return null;
  const { name, weights, pixels } = value as Record<string, unknown>;
  if (name !== null && typeof name !== 'string') return null;
  return { name, ...(typeof weights === 'string' && { weights }), ...defined({ pixels: parsePixels(pixels) }) };
}

function parsePixels(value: unknown): PixelFeatureOptions | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { cells, look } = value as Record<string, unknown>;
  const known = LOOKS.find((one) => one === look);
  return known !== undefined && Number.isInteger(cells) && (cells as number) > 0
    ? { cells: cells as number, look: known }
    : undefined;
}

/** The detector in a store's index; null for anything else. */
export function parseStoredDetector(value: unknown): StoredDetector | null {
  const identity = parseDetectorIdentity(value);
  if (identity === null) return null;
  const { settings } = value as { settings?: unknown };
  const hasSettings = typeof settings === 'object' && settings !== null && !Array.isArray(settings);
  return { ...identity, ...(hasSettings && { settings: settings as Record<string, unknown> }) };
}
