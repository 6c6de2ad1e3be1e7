// LoRA adapters of PEFT: a folder of low-rank changes to a base model. Merged when the base is given.
import { type DerivedTensor, withDerivedTensors } from '../../checkpoint/derived-tensors.js';
import { fromFloat32 } from '../../stored-dtype.js';
import type { TensorFile } from '../../checkpoint/tensor-file.js';
import { CheckpointError } from '../../errors.js';
import type { PretrainedFiles } from '../../platform/locate.js';
import { ADAPTER_CONFIG } from '../../config/adapter.js';
import { readJsonObject } from '../../platform/json-file.js';
import { VISUALBERT_MARK } from './match-keys.js';
import { unwrapKeys } from './wrappers.js';

/** The files of an adapter, as PEFT names them. */
export const ADAPTER_WEIGHTS = ['adapter_model.safetensors', 'adapter_model.bin'] as const;

/** The settings of adapter_config.json that merging depends on. */
export interface LoraConfig {
  /** Path, for errors. */
  name: string;
  alpha: number;
  /** Scale by `alpha / sqrt(r)` instead of `alpha / r`. */
  isRankStabilised: boolean;
  /** Module name, or the end of one -> alpha. */
  alphaPattern: ReadonlyMap<string, number>;
  /** Modules that the adapter stores whole. */
  modulesToSave: readonly string[];
}

/**
 * The adapter in a folder, when it is LoRA.
 * @throws CheckpointError when there is none, or one of another kind.
 */
export async function readLoraConfig(files: PretrainedFiles): Promise<LoraConfig> {
  const name = `${files.name}/${ADAPTER_CONFIG}`;
  const json = await readJsonObject(files, ADAPTER_CONFIG);
  if (json === null) {
    throw new CheckpointError(
      `${files.name}: has no ${ADAPTER_CONFIG}; base is for LoRA adapters of PEFT, leave it out`,
    );
  }
  const unread = [
    'use_dora',
    'use_qalora',
    'use_bdlora',
    'lora_bias',
    'fan_in_fan_out',
    'layer_replication',
    'target_parameters',
  ];
  const used = unread.filter((field) => Boolean(json[field]));
  if (json['peft_type'] !== 'LORA' || used.length > 0) {
    throw new CheckpointError(
      `${name}: a PEFT adapter of type ${String(json['peft_type']).slice(0, 40)}${used.length > 0 ? ` with ${used.join(', ')}` : ''}; ` +
        'only plain LoRA can be merged here: in Python, save the result of merge_and_unload()',
    );
  }
  const { lora_alpha: alpha, use_rslora: isRankStabilised, alpha_pattern: pattern, modules_to_save: saved } = json;
  const alphas = new Map(Object.entries(typeof pattern === 'object' && pattern !== null ? pattern : {}));
  for (const [module, value] of [['lora_alpha', alpha] as const, ...alphas]) {
    if (typeof value !== 'number' || !Number.isFinite(value) || /[^\w.]/.test(module)) {
      throw new CheckpointError(
        `${name}: expected numbers for names of modules in lora_alpha and alpha_pattern, received ${module}`,
      );
    }
  }
  return {
    name,
    alpha: alpha as number,
    isRankStabilised: isRankStabilised === true,
    alphaPattern: alphas as Map<string, number>,
    modulesToSave: Array.isArray(saved) ? saved.map(String) : [],
  };
}

/**
 * The base with the adapter merged: `W + scale B A`, with modules that the adapter stores whole replaced or added.
 * @throws CheckpointError when the adapter changes a tensor that the base lacks, or in an unknown way.
 * @see https://arxiv.org/abs/2106.09685 section 4.1
 */
export function mergeLora(base: TensorFile, adapter: TensorFile, config: LoraConfig): TensorFile {
  const baseKey = keyFinder(base);
  const derived = new Map<string, DerivedTensor>();
  for (const [key, { dtype, shape }] of adapter.tensors) {
    const name =
      unwrapKeys(adapter.name, [key.replace(/^base_model\.model\./, '')], [])
        .nameOf.values()
        .next().value ?? '';
    const low = /^(.+)\.lora_(embedding_)?([AB])(?:\.(?:default\.)?weight|\.default)?$/.exec(name);
    if (low === null) {
      const whole = name.replace(/\.(modules_to_save\.default|modules_to_save|base_layer)\./, '.');
      const isSaved = config.modulesToSave.some((module) => new RegExp(`(^|\\.)${escaped(module)}\\.`).test(whole));
      const target = baseKey(whole) ?? (isSaved ? whole : null);
      if (target === null || /\.lora_/.test(whole)) throw unknownChange(adapter, key);
      derived.set(target, { dtype, shape, bytes: () => adapter.readBytes(key) });
    } else if (low[3] === 'A') {
      const [, module = '', embedding] = low;
      const target = baseKey(`${module}.weight`);
      const second = key.replace(/lora_(embedding_)?A/, 'lora_$1B');
      if (target === null) throw unknownChange(adapter, key);
      const shape = base.tensors.get(target)?.shape ?? [];
      derived.set(target, {
        dtype: 'F32',
        shape,
        bytes: async () =>
          fromFloat32(
            'F32',
            await merged(
              { base, target, adapter, a: key, b: second, isTransposed: embedding !== undefined },
              module,
              config,
            ),
          ),
      });
      requireFactors(adapter, key, second, embedding === undefined ? shape : [...shape].reverse());
    }
  }
  return {
    ...withDerivedTensors(base, derived),
    close: () => Promise.all([base.close(), adapter.close()]).then(() => undefined),
  };
}

/** The key of a base file for a name in the adapter: either may lack the prefix of the head classes. */
function keyFinder(base: TensorFile): (name: string) => string | null {
  const { nameOf } = unwrapKeys(base.name, base.tensors.keys(), [VISUALBERT_MARK]);
  const plain = (name: string): string => name.replace(/^visual_bert\./, '');
  const keyOf = new Map([...nameOf].map(([key, name]) => [plain(name), key]));
  return (name) => keyOf.get(plain(name)) ?? null;
}

function unknownChange(adapter: TensorFile, key: string): CheckpointError {
  return new CheckpointError(
    `${adapter.name}: "${key}" changes no tensor of the base, or in an unknown way; give the base that the adapter was trained on. ` +
      'Merge it in Python (merge_and_unload())',
  );
}

/** @throws CheckpointError unless A is `[r, in]`, B `[out, r]`, for a matrix `[out, in]`. */
function requireFactors(adapter: TensorFile, a: string, b: string, [out = 0, input = 0]: readonly number[]): void {
  const [first, second] = [adapter.tensors.get(a)?.shape ?? [], adapter.tensors.get(b)?.shape ?? []];
  const r = first[0] ?? 0;
  if (`${first}` === `${[r, input]}` && `${second}` === `${[out, r]}` && r > 0) return;
  throw new CheckpointError(
    `${adapter.name}: ${a} [${first.join(', ')}] and ${b} [${second.join(', ')}] do not change a matrix [${out}, ${input}]; the base is another model`,
  );
}

interface Factors {
  base: TensorFile;
  target: string;
  adapter: TensorFile;
  a: string;
  b: string;
  /** The base's table is `[in, out]`, as embeddings are. */
  isTransposed: boolean;
}

async function merged(
  { base, target, adapter, a, b, isTransposed }: Factors,
  module: string,
  config: LoraConfig,
): Promise<Float32Array> {
  const weight = await base.readFloat32(target);
  const [first, second] = [await adapter.readFloat32(a), await adapter.readFloat32(b)];
  const r = adapter.tensors.get(a)?.shape[0] ?? 1;
  const [out, input] = [second.length / r, first.length / r];
  const pattern = [...config.alphaPattern].find(([name]) => module === name || module.endsWith(`.${name}`));
  const scale = (pattern?.[1] ?? config.alpha) / (config.isRankStabilised ? Math.sqrt(r) : r);
  for (let o = 0; o < out; o++) {
    for (let i = 0; i < input; i++) {
      let sum = 0;
      for (let k = 0; k < r; k++) sum += (second[o * r + k] as number) * (first[k * input + i] as number);
      const at = isTransposed ? i * out + o : o * input + i;
      weight[at] = (weight[at] as number) + scale * sum;
    }
  }
  return weight;
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
