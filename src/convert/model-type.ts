// The type of model in a checkpoint, by model_type in config.json and by its keys: anything that is not a BERT is refused by name.
import { CheckpointError } from '../errors.js';
import { DETECTOR_TYPE } from '../models/pretrained/detector-type.js';

/** Kinds that convert. RoBERTa, XLM-R and CamemBERT are one architecture. */
export type ModelFamily = 'visual_bert' | 'bert' | 'roberta';

const FAMILIES: Readonly<Record<string, ModelFamily>> = {
  visual_bert: 'visual_bert',
  bert: 'bert',
  roberta: 'roberta',
  'xlm-roberta': 'roberta',
  camembert: 'roberta',
};

/** Why models that are often mistaken for a BERT cannot become a VisualBERT. */
const OTHERS: Readonly<Record<string, string>> = {
  albert: 'its layers share one set of weights and its embeddings are factorised',
  deberta: 'its attention has relative positions',
  'deberta-v2': 'its attention has relative positions',
  distilbert: 'it has no token types and no pooling layer, and its layers have other names',
  electra: 'its embeddings have a width of their own and it has no pooling layer',
  mpnet: 'its attention has relative positions',
  'megatron-bert': 'it normalises before each sublayer',
  'roberta-prelayernorm': 'it normalises before each sublayer',
  'xlm-roberta-xl': 'it normalises before each sublayer',
};

/** Kinds whose SentencePiece files number their pieces differently from the model: only tokenizer.json has the model's ids. */
const NEED_TOKENIZER_JSON: ReadonlySet<unknown> = new Set(['xlm-roberta', 'camembert']);

/** @throws CheckpointError for a kind whose texts would be tokenized by another vocabulary, because no file has the model's ids. */
export function requireTokenizer(file: string, json: object | null, hasTokenizerJson: boolean): void {
  const { model_type: type } = (json ?? {}) as { model_type?: unknown };
  if (hasTokenizerJson || !NEED_TOKENIZER_JSON.has(type)) return;
  throw new CheckpointError(
    `${file}: a model of type "${String(type)}" has no vocab.txt, and its SentencePiece file does not have its ids; put its tokenizer.json next to it ` +
      '(AutoTokenizer.from_pretrained(...).save_pretrained(...) writes one), or pass allowIncomplete to convert the weights alone',
  );
}

/** Settings with which a BERT computes something else than a VisualBERT: field -> allowed values. */
const REQUIRED: Readonly<Record<string, readonly unknown[]>> = {
  position_embedding_type: [undefined, null, 'absolute'],
  is_decoder: [undefined, null, false],
  add_cross_attention: [undefined, null, false],
};

/**
 * The kind of a model.
 * @param json config.json next to it, if any.
 * @param names its keys without wrappers.
 * @returns null when neither config.json nor keys name one.
 * @throws CheckpointError for kinds that do not convert, by name, and for a config.json of another kind than the keys.
 */
export function familyOf(file: string, json: object | null, names: Iterable<string>): ModelFamily | null {
  const named = prefixOf(names);
  const { model_type: type = null } = (json ?? {}) as { model_type?: unknown };
  if (type === null) return named === null ? null : requireFamily(file, named, 'its keys are those of');
  const family = requireFamily(file, String(type).slice(0, 40), 'its config.json describes');
  if (named !== null && FAMILIES[named] !== family) {
    throw new CheckpointError(
      `${file}: its keys are those of a ${named}, its config.json describes a ${String(type)}; give the config.json that belongs to it`,
    );
  }
  for (const [field, fine] of Object.entries(REQUIRED)) {
    const value = (json as Record<string, unknown>)[field];
    if (family !== 'visual_bert' && !fine.includes(value)) {
      throw new CheckpointError(
        `${file}: its config.json says ${field} ${JSON.stringify(value)?.slice(0, 40)}, which is not the computation of VisualBERT; it cannot be converted`,
      );
    }
  }
  return family;
}

function requireFamily(file: string, type: string, source: string): ModelFamily {
  const family = Object.hasOwn(FAMILIES, type) ? FAMILIES[type] : undefined;
  if (family !== undefined) return family;
  if (type === DETECTOR_TYPE)
    throw new CheckpointError(
      `${file}: is already a region detector of this package; use its folder as it is (--detector of ask, serve and features extract)`,
    );
  const reason = Object.hasOwn(OTHERS, type) ? `: ${OTHERS[type]}` : '';
  throw new CheckpointError(
    `${file}: ${source} a model of type "${type}", which is not a BERT${reason}; BERT, RoBERTa, XLM-RoBERTa and CamemBERT convert`,
  );
}

/** The attribute of the base model, where it is the name of a kind of its own, as in `roberta.embeddings...`. */
function prefixOf(names: Iterable<string>): string | null {
  for (const name of names) {
    const prefix = /(?:^|\.)(\w+)\.embeddings\.word_embeddings\.weight$/.exec(name)?.[1]?.replaceAll('_', '-');
    if (prefix === undefined || prefix === 'bert') continue;
    if (Object.hasOwn(FAMILIES, prefix) || Object.hasOwn(OTHERS, prefix)) return prefix;
  }
  return null;
}
