// Checks the settings of a detector.
import { z } from 'zod';
import { ConfigError } from '../../errors.js';
import type { DetectorConfig } from './config.js';

const count = z.int().nonnegative();
const size = z.int().positive();
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
  const problems: [holds: boolean, path: string, message: string][] = [
    [(head.kind === 'layers') === isPyramid, 'head.kind', 'expected layers with a pyramid, else res5'],
    [
      (feature === 'mean') === (head.kind === 'res5'),
      'feature',
      'expected mean with the head res5, or fc6, fc7, fc7-linear with layers',
    ],
    [!isPyramid || anchors.sizes.length === 5, 'anchors.sizes', 'expected 5 with a pyramid, one for each map'],
    [!isPyramid || pooling.kind === 'roi-align', 'pooling.kind', 'expected roi-align with a pyramid'],
    [!isPyramid || input.multipleOf % 32 === 0, 'input.multipleOf', 'expected a multiple of 32 with a pyramid'],
    [(classNames?.length ?? classes) === classes, 'classNames', `expected ${classes}, one for each class`],
    [
      (attributeNames?.length ?? attributes) === attributes,
      'attributeNames',
      `expected ${attributes}, one for each attribute`,
    ],
    [choice.minBoxes <= choice.maxBoxes, 'choice.minBoxes', `expected at most maxBoxes, ${choice.maxBoxes}`],
  ];
  return problems.filter(([holds]) => !holds).map(([, path, message]) => ({ path: path.split('.'), message }));
}

/**
 * Validates settings and returns a frozen copy.
 * @throws ConfigError naming each invalid or unknown field.
 */
export function checkedDetectorConfig(config: unknown): DetectorConfig {
  const parsed = schema.safeParse(config);
  if (parsed.success) return deepFreeze(parsed.data);
  const issues = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'settings'}: ${message}`);
  throw new ConfigError(`DetectorConfig: ${issues.join('; ')}`);
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    Object.values(value).forEach(deepFreeze);
    Object.freeze(value);
  }
  return value;
}
