// Plans the use of every tensor of a detector's file before reading: each is used or skipped with a reason, and none is missing.
import type { TensorFile } from '../../checkpoint/tensor-file.js';
import { CheckpointError } from '../../errors.js';
import type { DetectorConfig } from '../detector/config.js';
import { DETECTOR_NAMES, type DetectorName, namedDetector } from '../detector/presets.js';
import { detectorLayers, type LayerSpec } from '../detector/specification.js';
import { DETECTOR_LAYOUTS, type DetectorLayout, type LayerKeys } from './layouts.js';
import { PUBLISHED_WEIGHTS } from './published.js';
import { someKeys } from '../../models/pretrained/explain.js';

/** The keys of a layer in the file. */
export interface PlannedLayer {
  layer: LayerSpec;
  /** In the file's spelling, without absent keys of the norm. */
  keys: Omit<LayerKeys, 'norm'> & { norm?: Partial<NonNullable<LayerKeys['norm']>> };
}

/** A file and how to read a detector from it. */
export interface WeightPlan {
  file: TensorFile;
  config: DetectorConfig;
  layout: DetectorLayout;
  layers: PlannedLayer[];
  skipped: { key: string; reason: string }[];
}

/** Prefixes added by DataParallel. */
const WRAPPING = /^(module\.)+/;

/** The layout of a detector's file; null for a file of anything else. */
export function layoutOf({ tensors }: TensorFile): DetectorLayout | null {
  const keys = [...tensors.keys()].map((key) => key.replace(WRAPPING, ''));
  return DETECTOR_LAYOUTS.find(({ mark }) => keys.some((key) => mark.test(key))) ?? null;
}

/**
 * Plans the reading of a detector's weights.
 * @param expected the layout that the file must have; null for any
 * @throws CheckpointError for an unknown layout, and with the detector that the file holds, for another layout than the expected one and for
 * tensors that are missing, unexpected, or of another shape.
 */
export function planWeights(
  file: TensorFile,
  config: DetectorConfig,
  expected: DetectorLayout['name'] | null = null,
): WeightPlan {
  const layout = layoutOf(file);
  if (layout === null) {
    throw new CheckpointError(
      `${file.name}: holds no region detector of a known layout (${DETECTOR_LAYOUTS.map(({ title }) => title).join(', ')}); its tensors are ${someKeys([...file.tensors.keys()])}`,
    );
  }
  if (expected !== null && layout.name !== expected) throw otherLayout(file, layout, expected);
  const { plan, faults } = fit(file, layout, config);
  if (faults.length === 0) return plan;
  throw new CheckpointError(
    [
      `${file.name}: a file in ${layout.title}'s layout that does not fit the configuration; ${heldDetector(file, layout)}`,
      ...faults.map(({ names, what }) => `  ${names.length} tensors ${what}: ${someKeys(names)}`),
    ].join('\n'),
  );
}

function otherLayout(file: TensorFile, layout: DetectorLayout, expected: DetectorLayout['name']): CheckpointError {
  const title = DETECTOR_LAYOUTS.find(({ name }) => name === expected)?.title ?? expected;
  return new CheckpointError(
    `${file.name}: expected the published file of this detector, in ${title}'s layout, found one in ${layout.title}'s; ${heldDetector(file, layout)}`,
  );
}

/** The named detectors whose tensors a file of another project holds. */
export function candidatesOf(file: TensorFile, layout: DetectorLayout): DetectorName[] {
  const published = DETECTOR_NAMES.filter((name) => PUBLISHED_WEIGHTS[name].layout === layout.name);
  return published.filter((name) => fit(file, layout, namedDetector(name)).faults.length === 0);
}

/** The detector that a file holds, for messages. */
function heldDetector(file: TensorFile, layout: DetectorLayout): string {
  if (layout.name === 'own') return 'it is already a detector of this package: use its folder as it is, without a name';
  const names = candidatesOf(file, layout);
  return names.length === 0
    ? `its tensors are of none of the named detectors (${DETECTOR_NAMES.join(', ')})`
    : `its tensors are those of ${names.join(' or ')}: give that name`;
}

/** Names of tensors that do not fit a configuration. */
interface Fault {
  what: 'missing' | 'of another shape' | 'unexpected';
  names: readonly string[];
}

function fit(file: TensorFile, layout: DetectorLayout, config: DetectorConfig): { plan: WeightPlan; faults: Fault[] } {
  const stored = new Map([...file.tensors.keys()].map((key) => [key.replace(WRAPPING, ''), key]));
  const missing: string[] = [];
  const used = new Set<string>();
  const find = keyFinder(stored, layout);
  const take = (name: string | undefined, isNeeded: boolean): string | undefined => {
    const key = name === undefined ? undefined : find(name);
    if (key !== undefined) used.add(key);
    else if (name !== undefined && isNeeded) missing.push(name);
    return key;
  };
  const layers = detectorLayers(config).map((layer): PlannedLayer => {
    const { weight, bias, norm } = layout.keysOf(layer, config);
    const keys: PlannedLayer['keys'] = { weight: take(weight, true) ?? '' };
    if (bias !== undefined) keys.bias = take(bias, true) ?? '';
    if (norm !== undefined) {
      keys.norm = {};
      for (const [part, name] of Object.entries(norm) as [keyof typeof norm, string][]) {
        const isNeeded = part === 'gamma' || part === 'beta' || !layout.hasAffineNorms;
        const key = take(name, isNeeded);
        if (key !== undefined) keys.norm[part] = key;
      }
    }
    return { layer, keys };
  });
  const skipped: WeightPlan['skipped'] = [];
  const left: string[] = [];
  for (const [name, key] of stored) {
    if (used.has(key)) continue;
    const reason = layout.skipped.find(([pattern]) => pattern.test(name))?.[1];
    if (reason === undefined) left.push(key);
    else skipped.push({ key, reason });
  }
  const wrong = missing.length > 0 ? [] : layers.flatMap((planned) => wrongShapes(planned, { file, layout }));
  const faults: Fault[] = [
    { what: 'missing', names: missing },
    { what: 'of another shape', names: wrong },
    { what: 'unexpected', names: left },
  ];
  return { plan: { file, config, layout, layers, skipped }, faults: faults.filter(({ names }) => names.length > 0) };
}

/** Finds the stored key of a name. */
function keyFinder(
  stored: ReadonlyMap<string, string>,
  { matchesEndings }: DetectorLayout,
): (name: string) => string | undefined {
  return (name) => {
    if (!matchesEndings) return stored.get(name);
    // From the whole name to its last part: the first that is stored is the longest.
    for (let rest = name; ; rest = rest.slice(rest.indexOf('.') + 1)) {
      const key = stored.get(rest);
      if (key !== undefined || !rest.includes('.')) return key;
    }
  };
}

function wrongShapes({ layer, keys }: PlannedLayer, { file, layout }: Pick<WeightPlan, 'file' | 'layout'>): string[] {
  const shape = storedShape(layer, layout);
  const rows = [shape[0] as number];
  const expected: [string | undefined, readonly number[]][] = [
    [keys.weight, shape],
    [keys.bias, rows],
    ...Object.values(keys.norm ?? {}).map((key): [string, number[]] => [key, rows]),
  ];
  return expected.flatMap(([key, wanted]) => {
    const found = key === undefined ? undefined : file.tensors.get(key)?.shape;
    if (found === undefined || found.join() === wanted.join()) return [];
    return [`${key} [${found.join(', ')}] instead of [${wanted.join(', ')}]`];
  });
}

/** The shape in the file, with a first box for the background when the layout has one, even if all classes share one box. */
function storedShape({ name, shape }: LayerSpec, { background }: DetectorLayout): readonly number[] {
  const [rows = 0, ...rest] = shape;
  return background === 'first' && name === 'predictor.boxes' ? [rows + 4, ...rest] : shape;
}
