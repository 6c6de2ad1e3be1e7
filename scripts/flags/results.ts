// Flags that commands with results share.
import { counted, type LeftOutImage, type PredictionPrecision, PREDICTION_PRECISIONS } from '../../src/node.js';
import { defined } from '../../src/options.js';
import { DEFAULT_BATCH_SIZE } from '../../src/pipelines/create.js';

export const JSON_FLAG = { json: { type: 'boolean', default: false, describe: 'print the result as JSON' } } as const;

/** For commands that load a model for inference. */
export const FRESH_WEIGHTS_FLAG = {
  'allow-fresh-weights': {
    type: 'boolean',
    default: false,
    describe: 'only warn if the file lacks parameters of the model, which are then initialized randomly',
    group: 'Run:',
  },
} as const;

/** For commands that predict. */
export function precisionFlag(group?: string): PrecisionFlag {
  return {
    choices: PREDICTION_PRECISIONS,
    default: 'fp32',
    describe: 'precision of matrix products',
    ...defined({ group }),
  };
}

interface PrecisionFlag {
  choices: readonly PredictionPrecision[];
  default: PredictionPrecision;
  describe: string;
  group?: string;
}

/** For commands that read many examples. */
export const COMPUTING_FLAGS = {
  'batch-size': { type: 'number', describe: `examples in one batch; default ${DEFAULT_BATCH_SIZE}`, group: 'Run:' },
  precision: precisionFlag('Run:'),
  ...FRESH_WEIGHTS_FLAG,
} as const;

export interface ComputingArguments {
  batchSize?: number;
  precision: PredictionPrecision;
  allowFreshWeights: boolean;
}

/** The options of the given flags. */
export function computingOptions({ batchSize, precision, allowFreshWeights }: ComputingArguments): ComputingArguments {
  return { precision, allowFreshWeights, ...defined({ batchSize }) };
}

/** Number of left-out images that are shown; `--json` lists all. */
export const SHOWN_IMAGES = 20;

/** The images whose examples were left out, with the reasons. */
export function leftOutLines(images: readonly LeftOutImage[]): string[] {
  if (images.length === 0) return [];
  const examples = images.reduce((sum, { examples: count }) => sum + count, 0);
  const more = images.length - SHOWN_IMAGES;
  return [
    `left out ${counted(examples, 'example')} of ${counted(images.length, 'image')} without usable regions:`,
    ...images.slice(0, SHOWN_IMAGES).map(({ id, reason }) => `  image ${id}: ${reason}`),
    ...(more > 0 ? [`  and ${counted(more, 'image')} more (--json lists all)`] : []),
  ];
}
