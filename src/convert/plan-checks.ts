// Checks of a conversion plan: each error names the keys or parameters.
import type { StoredTensor, TensorFile } from '../checkpoint/tensor-file.js';
import { namedClass } from '../config/config-json.js';
import { CheckpointError } from '../errors.js';
import type { Architecture, CheckpointTraits } from '../models/pretrained/classify.js';
import { someKeys } from '../models/pretrained/explain.js';
import { isTextOnly, type Layout } from './key-map.js';
import { isHead } from '../models/pretrained/parameter-names.js';
import { isSameShape } from '../shapes.js';

/** A key that is not converted, and why. */
export interface SkippedKey {
  key: string;
  reason: string;
}

type ClassifierClass = Extract<
  Architecture,
  'VisualBertForQuestionAnswering' | 'VisualBertForVisualReasoning' | 'VisualBertForMultipleChoice'
>;

/** Whether the head of a class is a classifier, with or without a transform. */
export function hasClassifier(architecture: string): architecture is ClassifierClass {
  return /^VisualBertFor(QuestionAnswering|VisualReasoning|MultipleChoice)$/.test(architecture);
}

/** The class that config.json names, of those whose heads are classifiers and look alike; null where it names none that fits. */
export function declaredClassifier(
  json: Readonly<Record<string, unknown>> | null,
  { architecture: seen, numLabels }: Pick<CheckpointTraits, 'architecture' | 'numLabels'>,
): Architecture | null {
  const named = namedClass(json ?? {});
  if (named === null || seen === null || !hasClassifier(seen) || !hasClassifier(named)) return null;
  return named === 'VisualBertForMultipleChoice' && numLabels !== 1 ? null : named;
}

/** @throws CheckpointError for MMF's head of NLVR2, which joins the pooled states of two passes, one for each image. */
export function requireOnePass(
  file: TensorFile,
  layout: Layout,
  architecture: Architecture,
  renamed: ReadonlyMap<string, StoredTensor>,
): void {
  const [width, h] = [renamed.get('cls.weight'), renamed.get('visual_bert.pooler.dense.weight')].map(
    (tensor) => tensor?.shape[1] ?? 0,
  );
  if (layout.name !== 'mmf' || !hasClassifier(architecture) || h === 0 || width !== 2 * (h as number)) return;
  throw new CheckpointError(
    `${file.name}: MMF's NLVR2 head reads two pooled states, one from a pass for each image; no class here has it. ` +
      'Convert the rest with architecture VisualBertModel (--architecture VisualBertModel)',
  );
}

/** @throws CheckpointError for a RoBERTa without its config.json: only its single token type reveals it. */
export function requireKnownPositions(file: TensorFile, layout: Layout, typeRows: number | null): void {
  if (layout.name !== 'bert' || typeRows !== 1) return;
  throw new CheckpointError(
    `${file.name}: has one token type, like RoBERTa, which numbers positions differently from BERT; put its config.json next to it`,
  );
}

/** @throws CheckpointError when a key has another shape than the parameter that it fills. */
export function requireShapes(
  file: TensorFile,
  sources: ReadonlyMap<string, string>,
  expected: ReadonlyMap<string, number[]>,
): void {
  const wrong = [...sources].flatMap(([name, key]) => {
    const [found, wanted] = [file.tensors.get(key)?.shape ?? [], expected.get(name) ?? []];
    return isSameShape(found, wanted) ? [] : [`${key} [${found.join(', ')}], expected [${wanted.join(', ')}]`];
  });
  if (wrong.length > 0)
    throw new CheckpointError(
      `${file.name}: ${wrong.length} shapes do not fit the configuration: ${someKeys(wrong)}; pass the config that belongs to the checkpoint`,
    );
}

/** Keys and parameters that a plan does not match. */
export interface Leftovers {
  architecture: Architecture;
  layout: Layout;
  /** Keys without a parameter, with the names they were given. */
  unmatched: (SkippedKey & { name: string })[];
  /** Parameters without a key. */
  missing: string[];
}

/**
 * Heads of another class than the requested one, and what a model without regions lacks, are not errors.
 * @throws CheckpointError when anything else is left over.
 */
export function requireComplete(
  file: TensorFile,
  { architecture, layout, unmatched, missing }: Leftovers,
  isChosen: boolean,
): void {
  const lost = unmatched.filter(({ name }) => !(isChosen && isHead(name)));
  const absent = missing.filter(
    (name) => !(isTextOnly(layout) && (/visual_projection|pooler\.dense/.test(name) || isHead(name))),
  );
  if (lost.length > 0) {
    throw new CheckpointError(
      `${file.name}: ${lost.length} keys match no parameter of ${architecture}: ${someKeys(lost.map(({ key }) => key))}; pass \`architecture\`, or allowIncomplete to leave them out`,
    );
  }
  if (absent.length > 0) {
    throw new CheckpointError(
      `${file.name}: ${absent.length} parameters of ${architecture} are in no key: ${someKeys(absent)}; pass \`architecture\`, or allowIncomplete to leave them fresh`,
    );
  }
}
