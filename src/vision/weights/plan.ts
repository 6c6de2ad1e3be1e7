// Plans the use of every tensor of a detector's file before reading: each is used or skipped with a reason, and none is missing.
import type { TensorFile } from '../../checkpoint/tensor-file.js';
import { CheckpointError } from '../../errors.js';
import type { DetectorConfig } from '../detector/config.js';
import { detectorLayers, type LayerSpec } from '../detector/specification.js';
import { DETECTOR_LAYOUTS, type DetectorLayout, type LayerKeys } from './layouts.js';

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
/** Most names listed in a message. */
const SHOWN = 8;

/** The layout of a detector's file; null for a file of anything else. */
export function layoutOf({ tensors }: TensorFile): DetectorLayout | null {
  const keys = [...tensors.keys()].map((key) => key.replace(WRAPPING, ''));
  return DETECTOR_LAYOUTS.find(({ mark }) => keys.some((key) => mark.test(key))) ?? null;
}

/**
 * Plans the reading of a detector's weights.
 * @throws CheckpointError for an unknown layout, and naming all tensors that are missing, unexpected, or of another shape.
 */
export function planWeights(file: TensorFile, config: DetectorConfig): WeightPlan {
  const stored = new Map([...file.tensors.keys()].map((key) => [key.replace(WRAPPING, ''), key]));
  const layout = layoutOf(file);
  if (layout === null) {
    throw new CheckpointError(
      `${file.name}: holds no region detector of a known layout (${DETECTOR_LAYOUTS.map(({ title }) => title).join(', ')}); its tensors are ${shown([...stored.keys()])}`,
    );
  }
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
  const plan = { file, config, layout, layers, skipped };
  requireComplete(plan, missing, left);
  return plan;
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

function requireComplete({ file, layout, layers }: WeightPlan, missing: string[], left: string[]): void {
  const wrong = missing.length > 0 ? [] : layers.flatMap((planned) => wrongShapes(planned, { file, layout }));
  const faults = [
    [missing, 'missing'],
    [wrong, 'of another shape'],
    [left, 'unexpected'],
  ] as const;
  if (faults.every(([names]) => names.length === 0)) return;
  const lines = faults
    .filter(([names]) => names.length > 0)
    .map(
      ([names, what]) => `  ${names.length} tensors ${what}: ${what === 'missing' ? names.join(', ') : shown(names)}`,
    );
  throw new CheckpointError(
    [
      `${file.name}: a file in ${layout.title}'s layout that does not fit the configuration; ${layout.name === 'own' ? 'it is already a detector of this package: use its folder as it is, without a name' : 'give the name of its detector'}`,
      ...lines,
    ].join('\n'),
  );
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

function shown(names: readonly string[]): string {
  return names.slice(0, SHOWN).join(', ') + (names.length > SHOWN ? ` and ${names.length - SHOWN} more` : '');
}
