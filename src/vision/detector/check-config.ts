// Checks the settings of a detector.
import { z } from 'zod';
import { checkedValue } from '../../checked-value.js';
import { ConfigError } from '../../errors.js';
import { shown } from '../../options.js';
import type { DetectorConfig } from './config.js';

const count = z.int().min(0);
const size = z.int().min(1);
const share = z.number().min(0).max(1);

const names = z.array(z.string().min(1)).optional();

const limits = { minBoxes: count, maxBoxes: size };

const schema: z.ZodType<DetectorConfig> = z
  .strictObject({
    backbone: z.strictObject({
      depth: z.literal([14, 50, 101, 152]),
      groups: size,
      widthPerGroup: size,
      stemWidth: size,
      stageWidth: size,
      strideIn1x1: z.boolean(),
      stemPool: z.enum(['padded', 'cut']),
    }),
    pyramid: count,
    input: z.strictObject({
      mean: z.tuple([z.number(), z.number(), z.number()]),
      deviation: z.tuple([z.number().positive(), z.number().positive(), z.number().positive()]),
      size,
      maxSize: size,
      resize: z.enum(['torch', 'pillow', 'opencv']),
      multipleOf: size,
    }),
    boxes: z.enum(['inclusive', 'continuous']),
    clipTo: z.enum(['picture', 'padded']),
    anchors: z.strictObject({
      sizes: z.array(z.number().positive()).min(1),
      ratios: z.array(z.number().positive()).min(1),
    }),
    proposals: z.strictObject({ hidden: size, before: size, after: size, threshold: share, minSize: count }),
    pooling: z.strictObject({
      kind: z.enum(['roi-pool', 'roi-align']),
      bins: size,
      sampling: count,
      isAligned: z.boolean(),
    }),
    head: z.discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('res5'), isDilated: z.boolean() }),
      z.strictObject({ kind: z.literal('layers'), width: size }),
    ]),
    classes: size,
    classNames: names,
    isClassAgnostic: z.boolean().optional(),
    attributes: count,
    attributeNames: names,
    feature: z.enum(['mean', 'fc6', 'fc7', 'fc7-linear']),
    choice: z.discriminatedUnion('rule', [
      z.strictObject({
        rule: z.literal('best-class'),
        thresholds: z.array(share).min(1),
        minScore: share.default(0), // absent in folders converted by older versions
        ...limits,
      }),
      z.strictObject({
        rule: z.literal('every-class'),
        boxes: z.enum(['proposals', 'moved']),
        threshold: share,
        minScore: share,
        ...limits,
        scoresOf: z.enum(['class', 'next-class']),
      }),
    ]),
  })
  .superRefine((config, context) => {
    for (const { path, message } of contradictions(config)) context.addIssue({ code: 'custom', path, message });
  });

/** Conflicts between settings. */
function contradictions(config: DetectorConfig): { path: string[]; message: string }[] {
  const { pyramid, head, anchors, pooling, feature, input, choice } = config;
  const { classes, classNames, attributes, attributeNames } = config;
  const isPyramid = pyramid > 0;
  const problems: [holds: boolean, path: string, expected: string, received: unknown][] = [
    [(head.kind === 'layers') === isPyramid, 'head.kind', 'layers with a pyramid, else res5', head.kind],
    [
      (feature === 'mean') === (head.kind === 'res5'),
      'feature',
      'mean with the head res5, or fc6, fc7, fc7-linear with layers',
      feature,
    ],
    [!isPyramid || anchors.sizes.length === 5, 'anchors.sizes', '5 with a pyramid, one for each map', anchors.sizes],
    [!isPyramid || pooling.kind === 'roi-align', 'pooling.kind', 'roi-align with a pyramid', pooling.kind],
    [
      !isPyramid || input.multipleOf % 32 === 0,
      'input.multipleOf',
      'a multiple of 32 with a pyramid',
      input.multipleOf,
    ],
    [(classNames?.length ?? classes) === classes, 'classNames', `${classes}, one for each class`, classNames?.length],
    [
      (attributeNames?.length ?? attributes) === attributes,
      'attributeNames',
      `${attributes}, one for each attribute`,
      attributeNames?.length,
    ],
    [choice.minBoxes <= choice.maxBoxes, 'choice.minBoxes', `at most maxBoxes, ${choice.maxBoxes}`, choice.minBoxes],
  ];
  return problems
    .filter(([holds]) => !holds)
    .map(([, path, expected, received]) => ({
      path: path.split('.'),
      message: `expected ${expected}, received ${shown(received)}`,
    }));
}

/**
 * Validates settings and returns a frozen copy.
 * @param owner what they are settings of, for errors: `DetectorConfig`, or the file that holds them.
 * @throws ConfigError naming each invalid or unknown field, what was expected and received.
 */
export function checkedDetectorConfig(config: unknown, owner = 'DetectorConfig'): DetectorConfig {
  const { data, problems } = checkedValue(schema, config, 'settings');
  if (problems === null) return deepFreeze(data);
  throw new ConfigError(`${owner}: ${problems.join('; ')}`);
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    Object.values(value).forEach(deepFreeze);
    Object.freeze(value);
  }
  return value;
}
