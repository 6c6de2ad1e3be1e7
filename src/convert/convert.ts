// convertCheckpoint: any checkpoint people have of a VisualBERT, or of a BERT to start from, becomes a folder that transformers reads.
import { createSink, joinPath, makeFolder, readText, removeFile, writeTextAtomic } from '#platform';
import { writeWhole } from '../byte-sink.js';
import { fromFloat32, isFloating, type StoredDType } from '../stored-dtype.js';
import { type TensorToWrite, writeSafetensors } from '../checkpoint/safetensors.js';
import type { TensorFile } from '../checkpoint/tensor-file.js';
import { writeTfjs } from '../checkpoint/tfjs-writer.js';
import { ConfigError } from '../errors.js';
import type { Architecture } from '../models/pretrained/classify.js';
import { readConfigJson } from '../config/config-json.js';
import type { PretrainedFiles } from '../platform/locate.js';
import { PROCESSOR_FILE, TOKENIZER_FILES } from '../platform/tokenizers/text-tokenizer.js';
import {
  byteCount,
  removeOldWeights,
  requireFolderFor,
  writeWeights,
  withTied,
} from '../models/pretrained/write-weights.js';
import { jsonText } from '../platform/json-file.js';
import { requireTokenizer } from './model-type.js';
import { onnxWriter } from './onnx/export.js';
import { openCheckpoint } from './open.js';
import { type ConvertOptions, convertSchema } from './options.js';
import { type ConversionPlan, planConversion } from './plan.js';
import { parseOptions } from '../options.js';

/** What a conversion did with every key and every parameter. */
export interface ConversionReport {
  source: string;
  /** Whose names the source has. */
  layout: ConversionPlan['layout'];
  architecture: Architecture;
  /** Parameter and the key it came from. */
  converted: { parameter: string; key: string }[];
  skipped: { key: string; reason: string }[];
  /** Keys kept in files of their own. */
  aside: { key: string; file: string }[];
  /** Parameters without a source: they get fresh values when the folder is loaded. */
  missing: string[];
  /** Prefixes removed from the keys: wrappers such as `_orig_mod. (torch.compile)`, and the attribute that held the model. */
  wrappers: string[];
  /** What else is worth knowing before the result is used. */
  notes: string[];
  /** Files written, in outDir. */
  files: string[];
}

/** Formats of tensors by name; `onnx` holds a graph as well. */
type TensorFormat = Exclude<ConvertOptions['format'], 'onnx' | undefined>;

const STORED: Record<NonNullable<ConvertOptions['dtype']>, 'F32' | 'F16' | 'BF16'> = {
  float32: 'F32',
  float16: 'F16',
  bfloat16: 'BF16',
};

const NAMES: Partial<Record<StoredDType, string>> = {
  F64: 'float64',
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
};

/**
 * Converts a checkpoint: a file, a folder, an address or a repository, in any layout of the key map. Nothing is written before every
 * key and every parameter is accounted for. Tensors are streamed.
 * @throws CheckpointError when the source is damaged, or keys or parameters are left over (see `allowIncomplete`). ConfigError for options that
 * exclude each other, for an ONNX model in a folder that holds weights, whose config.json it would replace, and for a folder with a detector.
 * @example
 * const { architecture, converted, files } = await convertCheckpoint('runs/vqa', { outDir: 'half', dtype: 'float16' });
 */
export async function convertCheckpoint(source: string, given: ConvertOptions): Promise<ConversionReport> {
  const parsed = parseOptions('convertCheckpoint', convertSchema, given);
  const { outDir, base, format, quantization, maxShardSize, dtype, ...options } = parsed;
  if (quantization !== undefined && format !== 'tfjs') {
    const remedy = format === 'onnx' ? "quantise model.onnx with onnxruntime's tools" : 'use dtype';
    throw new ConfigError(
      `convertCheckpoint: quantization ${quantization} belongs to the format tfjs, not ${format}; ${remedy}`,
    );
  }
  if (dtype !== undefined && dtype !== 'float32' && format === 'onnx') {
    throw new ConfigError(
      `convertCheckpoint: expected dtype float32 for the format onnx, received ${dtype}; convert model.onnx with onnxruntime's tools`,
    );
  }
  await requireFolderFor(format === 'onnx' ? 'an ONNX model' : 'a model', 'convertCheckpoint', outDir);
  const { file: opened, files: located, notes } = await openCheckpoint(source, base);
  try {
    const found = await readConfigJson(located);
    const plan = await planConversion(opened, found, options);
    if (!options.allowIncomplete) {
      requireTokenizer(opened.name, found?.json ?? null, (await located.find('tokenizer.json')) !== null);
    }
    const { file } = plan;
    const tensors = tensorsOf(file, plan, format === 'onnx' ? 'float32' : dtype);
    const write =
      format === 'onnx'
        ? onnxWriter(plan, maxShardSize)
        : () => writeTensors(outDir, tensors, { format, quantization, maxShardSize });
    const config = {
      ...plan.config.toJSON(),
      architectures: [plan.architecture],
      dtype: NAMES[commonDtype(tensors)] ?? 'float32',
    };
    await makeFolder(outDir);
    const written = await write(outDir);
    const aside = await writeAside(file, plan, outDir);
    await writeTextAtomic(joinPath(outDir, 'config.json'), jsonText(config));
    await removeOldWeights(outDir, written);
    const copied = await replaceProcessor(located, outDir);
    return {
      source: file.name,
      layout: plan.layout,
      architecture: plan.architecture,
      converted: [...plan.sources].map(([parameter, key]) => ({ parameter, key })),
      skipped: plan.skipped,
      aside,
      missing: plan.missing,
      wrappers: plan.wrappers,
      notes: [...notes, ...plan.notes],
      files: [...written, ...new Set(aside.map((item) => item.file)), 'config.json', ...copied],
    };
  } finally {
    await opened.close();
  }
}

async function writeTensors(
  folder: string,
  tensors: TensorToWrite[],
  {
    format,
    quantization,
    maxShardSize,
  }: Pick<ConvertOptions, 'quantization' | 'maxShardSize'> & { format: TensorFormat },
): Promise<Set<string>> {
  if (format !== 'tfjs') return writeWeights(folder, tensors, { format, maxShardSize });
  const shardBytes = maxShardSize === undefined ? {} : { shardBytes: byteCount(maxShardSize) };
  const options = { ...shardBytes, ...(quantization !== undefined && { quantization }) };
  return new Set(await writeTfjs((file) => createSink(joinPath(folder, file)), tensors, options));
}

function tensorsOf(file: TensorFile, plan: ConversionPlan, dtype: ConvertOptions['dtype']): TensorToWrite[] {
  return withTied(
    [...plan.sources].map(([name, key]) => tensorToWrite(file, key, name, dtype)),
    plan.tiedWeights,
  );
}

function tensorToWrite(file: TensorFile, key: string, name: string, dtype: ConvertOptions['dtype']): TensorToWrite {
  const { dtype: stored = 'F32', shape = [] } = file.tensors.get(key) ?? {};
  if (dtype === undefined || STORED[dtype] === stored || !isFloating(stored)) {
    return { name, dtype: stored, shape, bytes: () => file.readBytes(key) };
  }
  const wanted = STORED[dtype];
  return { name, dtype: wanted, shape, bytes: async () => fromFloat32(wanted, await file.readFloat32(key)) };
}

function commonDtype(tensors: readonly TensorToWrite[]): StoredDType {
  const counts = new Map<StoredDType, number>();
  for (const { dtype } of tensors) counts.set(dtype, (counts.get(dtype) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0] ?? 'F32';
}

async function writeAside(file: TensorFile, plan: ConversionPlan, folder: string): Promise<ConversionReport['aside']> {
  const aside: ConversionReport['aside'] = [];
  for (const [name, keys] of plan.aside) {
    const target = `${name}.safetensors`;
    const tensors = keys.map(([key, renamed]) => tensorToWrite(file, key, renamed, undefined));
    await writeWhole(await createSink(joinPath(folder, target)), (sink) => writeSafetensors(sink, tensors));
    aside.push(...keys.map(([key]) => ({ key, file: target })));
  }
  return aside;
}

/** Copies the files of the tokenizer and the processor; those of another model, which would be read with the new weights, are removed. */
async function replaceProcessor(files: PretrainedFiles, folder: string): Promise<string[]> {
  const copied: string[] = [];
  for (const name of [...TOKENIZER_FILES, PROCESSOR_FILE]) {
    const path = await files.find(name);
    const target = joinPath(folder, name);
    if (path === null) {
      await removeFile(target);
      continue;
    }
    await writeTextAtomic(target, await readText(path));
    copied.push(name);
  }
  return copied;
}
