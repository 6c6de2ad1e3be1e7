// The allowed values of each field of a VisualBertConfig: one table, for configurations from code and from untrusted files.
import { ConfigError } from '../errors.js';
import { isTable, shown } from '../options.js';

/** Far above any encoder; bounds what a damaged or hostile config.json can make a program build. */
const MAX_LAYERS = 1000;

/** Far above any list of answers; bounds memory, since each label gets a name. */
const MAX_LABELS = 1_000_000;

/** tfjs and typed arrays count elements in 31 bits. */
const MAX_ELEMENTS = 2 ** 31 - 1;

/** A check of one value. */
interface FieldCheck {
  /** Ends "expected FIELD to be". */
  expected: string;
  holds(value: unknown): boolean;
}

const isInteger = (value: unknown, low: number, high = Number.MAX_SAFE_INTEGER): boolean =>
  Number.isSafeInteger(value) && (value as number) >= low && (value as number) <= high;

const size: FieldCheck = {
  expected: `a positive whole number of at most ${MAX_ELEMENTS}`,
  holds: (value) => isInteger(value, 1, MAX_ELEMENTS),
};
const flag: FieldCheck = { expected: 'true or false', holds: (value) => typeof value === 'boolean' };
const share: FieldCheck = {
  expected: 'between 0 and 1',
  holds: (value) => typeof value === 'number' && value >= 0 && value <= 1,
};
const amount: FieldCheck = {
  expected: 'a finite number of at least 0',
  holds: (value) => typeof value === 'number' && Number.isFinite(value) && value >= 0,
};
const tokenId: FieldCheck = {
  expected: 'a whole number of at least 0, or null',
  holds: (value) => value === null || isInteger(value, 0),
};
const table = (expected: string, holds: (key: string, value: unknown) => boolean): FieldCheck => ({
  expected,
  holds: (value) => isTable(value) && Object.entries(value).every(([key, item]) => holds(key, item)),
});

const FIELDS: Readonly<Record<string, FieldCheck>> = {
  vocabSize: size,
  hiddenSize: size,
  visualEmbeddingDim: size,
  numHiddenLayers: {
    expected: `a whole number of at most ${MAX_LAYERS}`,
    holds: (value) => isInteger(value, 0, MAX_LAYERS),
  },
  numAttentionHeads: size,
  intermediateSize: size,
  hiddenAct: {
    expected: 'a name or a function',
    holds: (value) => typeof value === 'string' || typeof value === 'function',
  },
  hiddenDropoutProb: share,
  attentionProbsDropoutProb: share,
  maxPositionEmbeddings: size,
  typeVocabSize: size,
  initializerRange: amount,
  layerNormEps: amount,
  bypassTransformer: flag,
  specialVisualInitialize: flag,
  padTokenId: tokenId,
  bosTokenId: tokenId,
  eosTokenId: {
    expected: 'a whole number of at least 0, a list of them, or null',
    holds: (value) =>
      tokenId.holds(value) || (Array.isArray(value) && value.every((item: unknown) => isInteger(item, 0))),
  },
  classifierTransform: flag,
  tieWordEmbeddings: flag,
  outputAttentions: flag,
  outputHiddenStates: flag,
  returnDict: flag,
  prunedHeads: table(
    'a table of layer numbers and lists of different heads',
    (layer, heads) =>
      /^\d+$/.test(layer) &&
      Array.isArray(heads) &&
      new Set(heads).size === heads.length &&
      heads.every((head: unknown) => isInteger(head, 0)),
  ),
  numLabels: {
    expected: `a positive whole number of at most ${MAX_LABELS}`,
    holds: (value) => isInteger(value, 1, MAX_LABELS),
  },
  id2label: table('a table of numbers from 0 and names', (id, name) => /^\d+$/.test(id) && typeof name === 'string'),
  label2id: table('a table of names and numbers', (_name, id) => isInteger(id, 0)),
  extra: { expected: 'an object', holds: isTable },
};

/** @throws ConfigError when `field` cannot be `value`. */
export function requireField(field: string, value: unknown): void {
  const check = Object.hasOwn(FIELDS, field) ? FIELDS[field] : undefined;
  if (check === undefined) {
    throw new ConfigError(`VisualBertConfig: unknown field ${field}; the fields are ${Object.keys(FIELDS).join(', ')}`);
  }
  if (!check.holds(value)) {
    throw new ConfigError(`VisualBertConfig: expected ${field} to be ${check.expected}, received ${shown(value)}`);
  }
}

/** Fields that are checked together. */
interface FieldsTogether {
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly visualEmbeddingDim: number;
  readonly numHiddenLayers: number;
  readonly numAttentionHeads: number;
  readonly intermediateSize: number;
  readonly maxPositionEmbeddings: number;
  readonly typeVocabSize: number;
  readonly numLabels: number;
  readonly padTokenId: number | null;
  readonly prunedHeads: Readonly<Record<number, readonly number[]>>;
}

/** @throws ConfigError for fields that contradict each other. */
export function requireTogether(config: FieldsTogether): void {
  const { hiddenSize, numAttentionHeads: heads, numHiddenLayers: layers, vocabSize, padTokenId } = config;
  const require = (holds: boolean, field: string, value: unknown, expected: string): void => {
    if (!holds)
      throw new ConfigError(`VisualBertConfig: expected ${field} to be ${expected}, received ${shown(value)}`);
  };
  require(hiddenSize % heads === 0, 'hiddenSize', hiddenSize, `a multiple of numAttentionHeads (${heads})`);
  require(padTokenId === null ||
    padTokenId < vocabSize, 'padTokenId', padTokenId, `a row of the vocabulary of ${vocabSize} words, or null`);
  for (const field of [
    'vocabSize',
    'hiddenSize',
    'visualEmbeddingDim',
    'intermediateSize',
    'maxPositionEmbeddings',
    'typeVocabSize',
    'numLabels',
  ] as const) {
    require(config[field] * hiddenSize <= MAX_ELEMENTS, field, config[
      field
    ], `small enough for a table of ${hiddenSize} columns (${MAX_ELEMENTS} elements)`);
  }
  for (const [layer, removed] of Object.entries(config.prunedHeads)) {
    const isThere = Number(layer) < layers && removed.every((head) => head < heads) && removed.length < heads;
    require(isThere, 'prunedHeads', {
      [layer]: removed,
    }, `heads below ${heads} of layers below ${layers}, one left in each`);
  }
}
