// Masked language modelling: which word pieces are hidden, and what replaces them.
import type { RawTensor } from '../raw-tensor.js';
import { IGNORED_LABEL } from '../scores.js';
import type { TextTokenizer } from '../platform/tokenizers/text-tokenizer.js';
import { type Buckets, bucketOf, type EncodedText } from './batch.js';
import { requireKinds } from '../options.js';

/** Share of predicted word pieces, and of these the shares replaced by [MASK] and by a random piece (the rest is unchanged). */
const PREDICTED = 0.15;
const MASKED = 0.8;
const REPLACED = 0.1;

/** Counts of predicted positions that a batch may be padded to: 15% of 128 pieces are 19. */
const POSITION_BUCKETS = [4, 8, 16, 24, 32, 48, 64, 96, 128];

/** A text with hidden pieces, their positions and original ids. */
export interface MaskedText {
  text: EncodedText;
  positions: number[];
  labels: number[];
}

/**
 * Hides 15% of the word pieces, each on its own: 80% become [MASK], 10% any piece of the vocabulary, 10% are unchanged. [CLS] and [SEP]
 * are never predicted.
 * @param uniform numbers in [0, 1), two for each piece.
 * @example
 * const { tokenizer } = await VisualBertProcessor.fromPretrained('bert-base-uncased', { task: 'vqa' });
 * const { cls, sep } = tokenizer.special;
 * const masked = maskText({ ids: [cls, 2158, sep], typeIds: [0, 0, 0] }, tokenizer, [0, 0, 0.1, 0, 0, 0]);
 * masked.text.ids; // [cls, tokenizer.special.mask, sep]
 * masked.labels; // [2158], at masked.positions, [1]
 * @see uclanlp/visualbert `fine_tuning.py`, random_word; https://arxiv.org/abs/1810.04805 section 3.1
 */
export function maskText(text: EncodedText, tokenizer: TextTokenizer, uniform: ArrayLike<number>): MaskedText {
  requireKinds('maskText', { 'an object': { text, tokenizer }, 'a list': { uniform } });
  const { special, vocabularySize } = tokenizer;
  const ids = [...text.ids];
  const positions: number[] = [];
  const labels: number[] = [];
  text.ids.forEach((id, i) => {
    if (id === special.cls || id === special.sep) return;
    const draw = (uniform[2 * i] as number) / PREDICTED;
    if (draw >= 1) return;
    positions.push(i);
    labels.push(id);
    if (draw < MASKED) ids[i] = special.mask;
    else if (draw < MASKED + REPLACED) ids[i] = Math.floor((uniform[2 * i + 1] as number) * vocabularySize);
  });
  return { text: { ids, typeIds: text.typeIds }, positions, labels };
}

/** `maskedPositions` and `labels` `[b, k] int32` of a batch: unused positions point to token 0 with `IGNORED_LABEL`. */
export function maskedInputs(
  texts: readonly MaskedText[],
  buckets: Buckets['text'] = POSITION_BUCKETS,
): Record<'maskedPositions' | 'labels', RawTensor> {
  const b = texts.length;
  const k = bucketOf(Math.max(1, ...texts.map(({ positions }) => positions.length)), buckets);
  const maskedPositions = new Int32Array(b * k);
  const labels = new Int32Array(b * k).fill(IGNORED_LABEL);
  texts.forEach((text, i) => {
    maskedPositions.set(text.positions, i * k);
    labels.set(text.labels, i * k);
  });
  return {
    maskedPositions: { dtype: 'int32', shape: [b, k], data: maskedPositions },
    labels: { dtype: 'int32', shape: [b, k], data: labels },
  };
}
