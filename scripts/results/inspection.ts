// Summaries of inspected files: a checkpoint, or a region detector.
import {
  counted,
  type DetectorConfig,
  type DetectorInspection,
  type InspectedFile,
  type Inspection,
} from '../../src/node.js';
import { firstOf } from '../flags/internal.js';

/** Column at which the texts begin, after their names. */
export const SUMMARY_INDENT = 'loads as:  '.length;

/** Names of classes that are shown; `--json` has all. */
const SHOWN_NAMES = 20;

/** The lines about a checkpoint. */
export function checkpointSummary({
  layout,
  architecture,
  traits,
  missing,
  wrappers,
  notes,
  ...file
}: Inspection): string[] {
  const { hiddenSize, numHiddenLayers, vocabSize, visualEmbeddingDim, numLabels } = traits;
  const sizes = Object.entries({
    'hidden size': hiddenSize,
    layers: numHiddenLayers,
    vocabulary: vocabSize,
    'region features': visualEmbeddingDim,
    labels: numLabels,
  });
  return [
    fileLine(file),
    `names of:  ${layout ?? 'an unknown layout'}`,
    `loads as:  ${architecture ?? (layout === 'bert' || layout === 'roberta' ? 'initial weights for VisualBERT (visualbert convert)' : 'no class of this package')}`,
    `sizes:     ${sizes.flatMap(([name, size]) => (size === null ? [] : [`${name} ${size}`])).join(', ')}`,
    `missing:   ${missing.length === 0 ? 'nothing' : missing.join(', ')}`,
    ...wrappers.map((wrapper) => `wrapper:   ${wrapper}`),
    ...noteLines(notes, file),
  ];
}

/** The lines about a region detector. */
export function detectorSummary(inspection: DetectorInspection): string[] {
  const { source, layout, name, candidates, config, notes } = inspection;
  const kind = layout === 'own' ? (name ?? 'your own settings') : `names of ${layout}, not converted yet`;
  return [
    fileLine(inspection),
    `detector:  ${kind}`,
    ...(candidates.length === 0
      ? []
      : [`convert:   visualbert convert ${source} FOLDER --detector NAME, as ${candidates.join(' or ')}`]),
    ...(config === null ? [] : settingsLines(config, inspection)),
    ...noteLines(notes, inspection),
  ];
}

/** What is said of a file, and what it says itself. */
function noteLines(notes: readonly string[], { metadata }: Pick<InspectedFile, 'metadata'>): string[] {
  return [
    ...notes.map((note) => `note:      ${note}`),
    ...Object.entries(metadata).map(([key, value]) => `${key}: ${value}`),
  ];
}

function settingsLines(
  { backbone, pyramid, head, pooling, input, choice, feature, classes, attributes }: DetectorConfig,
  { dim, classNames, attributeNames }: DetectorInspection,
): string[] {
  const { depth, groups, widthPerGroup } = backbone;
  const resnet = groups > 1 ? `ResNeXt-${depth} ${groups}x${widthPerGroup}d` : `ResNet-${depth}`;
  const maps = pyramid > 0 ? `a feature pyramid of ${pyramid} channels` : 'regions from its fourth stage (C4)';
  const pool = `${pooling.kind === 'roi-pool' ? 'RoIPool' : 'RoIAlign'} to ${pooling.bins} x ${pooling.bins}`;
  const last = head.kind === 'res5' ? 'its fifth stage' : `two layers of ${head.width}`;
  const count = choice.minBoxes === choice.maxBoxes ? `${choice.maxBoxes}` : `${choice.minBoxes} to ${choice.maxBoxes}`;
  return [
    `network:   ${resnet} with ${maps}, ${pool}, ${last}`,
    `pictures:  shorter side ${input.size}, longer at most ${input.maxSize} pixels, resized as ${input.resize} does`,
    `regions:   ${count}, with ${feature === 'mean' ? 'the mean of the last stage' : feature} as features of width ${dim}`,
    `classes:   ${namedText(classes, classNames)}`,
    `attributes: ${namedText(attributes, attributeNames)}`,
  ];
}

/** `3: cat, dog, bird`; the count alone without names. */
function namedText(count: number, names: readonly string[]): string {
  if (names.length === 0) return `${count}`;
  return `${count}: ${firstOf(names, SHOWN_NAMES)}`;
}

/** What the file is, in numbers. */
function fileLine({ source, format, tensors, parameters, tensorBytes, fileBytes }: InspectedFile): string {
  const dtypes = [...new Set(tensors.map(({ dtype }) => dtype))].join(', ');
  return `${source}: ${format}, ${counted(tensors.length, 'tensor')} of ${dtypes}, ${parameters.toLocaleString('en')} values, ${bytesText(tensorBytes)} of ${bytesText(fileBytes)}`;
}

/** `1.2 MB`. */
export function bytesText(bytes: number): string {
  const unit = [
    [1e9, 'GB'],
    [1e6, 'MB'],
    [1e3, 'KB'],
  ].find(([size]) => bytes >= Number(size));
  return unit === undefined ? `${bytes} B` : `${(bytes / Number(unit[0])).toFixed(1)} ${unit[1]}`;
}
