// What a checkpoint is, from its headers alone: keys, shapes, dtypes, and which class would load it with what missing.
import { type InspectedFile, inspectFile, type StoredTensor, type TensorFile } from '../checkpoint/tensor-file.js';
import { VisualBertConfig } from '../config/config.js';
import { errorMessage } from '../errors.js';
import { type Architecture, type CheckpointTraits, traitsOf } from '../models/pretrained/classify.js';
import { parameterShapes } from '../models/model-classes.js';
import { useOf, type Layout, type SourceKeys, sourceKeys } from './key-map.js';
import { openCheckpoint } from './open.js';
import { settingsOf } from './source-config.js';

/** What `inspectCheckpoint` found. */
export interface Inspection extends InspectedFile {
  /** Whose names the keys have; null for a checkpoint of another kind of model. */
  layout: Layout['name'] | null;
  /** What is around the names: wrappers such as `_orig_mod. (torch.compile)`, and the attribute that held the model. */
  wrappers: string[];
  /** The class it would load as; null when its keys identify none. */
  architecture: Architecture | null;
  traits: CheckpointTraits;
  /** Parameters of that class that no key fills. */
  missing: string[];
  /** What keeps it from being loaded or converted as it is. */
  notes: string[];
}

/**
 * Inspects a checkpoint file, folder, address or repository. Reads headers only, so that its size does not matter.
 * @throws CheckpointError
 * @example
 * const { architecture, layout, tensors, missing } = await inspectCheckpoint('runs/vqa');
 */
export async function inspectCheckpoint(where: string): Promise<Inspection> {
  const { file, notes } = await openCheckpoint(where);
  try {
    return describe(file, notes);
  } finally {
    await file.close();
  }
}

function describe(file: TensorFile, notes: readonly string[]): Inspection {
  const { layout, nameOf, wrappers, problems } = keysOf(file);
  const renamed = new Map<string, StoredTensor>();
  const contents = inspectFile(file, (key) => {
    const use = layout === null ? { skip: 'unknown layout' } : useOf(nameOf.get(key) ?? key, layout);
    if ('to' in use) renamed.set(use.to, file.tensors.get(key) as StoredTensor);
    return 'to' in use ? use.to : 'skip' in use ? use.skip : `${use.aside}, a file of its own`;
  });
  const traits = traitsOf(renamed);
  const { architecture } = traits;
  return {
    ...contents,
    layout: layout?.name ?? null,
    wrappers,
    architecture,
    traits,
    missing: architecture === null ? [] : missingOf(file, architecture, traits, renamed),
    notes: [...notes, ...problems],
  };
}

/** The names of the keys; a file that does not convert, because two keys mean one parameter, is still inspected. */
function keysOf(file: TensorFile): SourceKeys & { problems: string[] } {
  try {
    return { ...sourceKeys(file), problems: [] };
  } catch (error) {
    return { nameOf: new Map(), wrappers: [], layout: null, problems: [errorMessage(error)] };
  }
}

function missingOf(
  file: TensorFile,
  architecture: Architecture,
  traits: CheckpointTraits,
  renamed: ReadonlyMap<string, StoredTensor>,
): string[] {
  if (traits.hiddenSize === null) return [];
  // Names do not depend on the number of heads, so any number will do where the width does not determine it.
  const settings =
    traits.hiddenSize % 64 === 0
      ? settingsOf(file, traits)
      : { ...settingsOf(file, { ...traits, hiddenSize: 64 }), hiddenSize: traits.hiddenSize, numAttentionHeads: 1 };
  const expected = parameterShapes(architecture, new VisualBertConfig(settings));
  return [...expected.keys()].filter((name) => !renamed.has(name) && !renamed.has(`visual_bert.${name}`));
}
