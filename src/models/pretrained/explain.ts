// Errors of loading: a wrong class, a wrong width, or another project's file.
import type { VisualBertConfig } from '../../config/config.js';
import { CheckpointError } from '../../errors.js';
import type { TensorFile } from '../../checkpoint/tensor-file.js';
import { traitsOfFile } from './classify.js';
import type { LoadingReport } from './types.js';
import { firstOf } from '../../words.js';

/** Longest list of keys in a message. */
const SHOWN = 8;

/** A few keys as text. */
export function someKeys(keys: readonly string[]): string {
  return firstOf(keys, SHOWN);
}

/**
 * @param found number of encoder layers in the file; 0 when it has none.
 * @throws CheckpointError when the configuration has more layers than the file: the others would be random.
 */
export function requireLayers(file: string, found: number, { numHiddenLayers }: VisualBertConfig): void {
  if (found === 0 || numHiddenLayers <= found) return;
  throw new CheckpointError(
    `${file}: holds ${found} encoder layers, the configuration has ${numHiddenLayers}; set numHiddenLayers (num_hidden_layers) to ${found}`,
  );
}

/** The error for shapes that differ: names the setting or class that would fit. */
export function mismatchError(
  className: string,
  file: TensorFile,
  mismatched: LoadingReport['mismatchedKeys'],
): CheckpointError {
  const lines = mismatched
    .slice(0, SHOWN)
    .map(
      ({ key, fileShape, modelShape }) =>
        `  ${key}: [${fileShape.join(', ')}] in the file, [${modelShape.join(', ')}] in the model`,
    );
  if (mismatched.length > SHOWN) lines.push(`  and ${mismatched.length - SHOWN} more`);
  return new CheckpointError(
    [
      `${className}: ${file.name} is intact, but ${mismatched.length} of its tensors differ in shape from the model:`,
      ...lines,
      ...hints(className, file, mismatched),
    ].join('\n'),
  );
}

function hints(className: string, file: TensorFile, mismatched: LoadingReport['mismatchedKeys']): string[] {
  const traits = traitsOfFile(file);
  const differs = (ending: string): boolean => mismatched.some(({ key }) => key.endsWith(ending));
  const found: string[] = [];
  if (differs('visual_projection.weight')) {
    found.push(
      `Its region features are ${traits.visualEmbeddingDim} wide: set visualEmbeddingDim to ${traits.visualEmbeddingDim} (2048 VQA, 1024 NLVR2, 512 VCR, 2054 Flickr30k).`,
    );
  }
  if (differs('word_embeddings.weight')) found.push(`Its vocabulary has ${traits.vocabSize} words: set vocabSize.`);
  if (mismatched.some(({ key }) => key === 'cls.weight')) {
    const fits =
      traits.architecture !== null && traits.architecture !== className
        ? `it looks like a ${traits.architecture}; load it as one, `
        : '';
    found.push(
      `Its head has ${traits.numLabels} labels: ${fits}set numLabels to ${traits.numLabels}, or pass ignoreMismatchedSizes for a fresh head.`,
    );
  }
  if (found.length === 0)
    found.push(
      'The configuration belongs to another checkpoint; give the config.json that came with this one, or pass ignoreMismatchedSizes.',
    );
  return found;
}

/** The error for a file without any key of the model; `reason` when its keys show one. */
export function foreignError(className: string, file: TensorFile, reason: string | null): CheckpointError {
  return new CheckpointError(
    `${className}: none of the ${file.tensors.size} tensors of ${file.name} belongs to a VisualBERT in transformers' layout ` +
      `(${someKeys([...file.tensors.keys()])}); ${reason ?? '`visualbert convert` reads the layouts of the authors, MMF, plain BERT and RoBERTa'}`,
  );
}
