// The file of a part of an evaluation: safetensors with the outputs of its batches, and metadata.
import { Buffer } from 'node:buffer';
import { createSink, openSource } from '#platform';
import { z } from 'zod';
import { writeWhole } from '../byte-sink.js';
import type { StoredDType } from '../stored-dtype.js';
import { openSafetensors, type TensorToWrite, writeSafetensors } from '../checkpoint/safetensors.js';
import type { StoredTensor, TensorFile } from '../checkpoint/tensor-file.js';
import { DataError } from '../errors.js';
import { RAW_ARRAYS, type RawDType, type RawTensor, type RawTensors } from '../raw-tensor.js';
import { isShard, type Shard } from '../shard.js';

/** The metadata key of a part's description. */
const METADATA = 'visualbert-part';

/** Traits that all parts of an evaluation share, and `shard`. */
const partSchema = z.strictObject({
  task: z.string(),
  model: z.string(),
  data: z.record(z.string(), z.unknown()),
  purpose: z.enum(['evaluate', 'predict']),
  batchSize: z.int().min(1),
  precision: z.string(),
  /** Fingerprint of the examples and the model's parameters. */
  fingerprint: z.string(),
  checksum: z.int().min(0),
  batches: z.int().min(1),
  shard: z.custom<Shard>(isShard),
});

/** The description of a part. */
export type PartTraits = z.infer<typeof partSchema>;

/** An opened file of a part. */
export interface EvaluationPart {
  readonly name: string;
  readonly file: TensorFile;
  readonly traits: PartTraits;
}

const STORED: Readonly<Record<RawDType, StoredDType>> = { float32: 'F32', int32: 'I32', bool: 'BOOL' };

/** Writes the outputs of a part's batches, atomically. */
export async function writePart(path: string, batches: readonly RawTensors[], traits: PartTraits): Promise<void> {
  const tensors = batches.flatMap((outputs, batch) =>
    Object.entries(outputs).map(([name, { dtype, shape, data }]): TensorToWrite => ({
      ...{ name: `${batch}.${name}`, dtype: STORED[dtype], shape },
      bytes: () => Buffer.from(data.buffer, data.byteOffset, data.byteLength),
    })),
  );
  const metadata = { [METADATA]: JSON.stringify(traits) };
  await writeWhole(await createSink(path), (sink) => writeSafetensors(sink, tensors, metadata));
}

/** Opens a part. @throws DataError for a file that is not a part; CheckpointError for a damaged one */
export async function openPart(path: string): Promise<EvaluationPart> {
  const source = await openSource(path);
  try {
    const file = await openSafetensors(source);
    return { name: path, file, traits: traitsOf(file) };
  } catch (error) {
    await source.close();
    throw error;
  }
}

function traitsOf({ name, metadata }: TensorFile): PartTraits {
  const fail = (): DataError => new DataError(`${name}: expected a part that evaluate or predict wrote with --shard`);
  const text = metadata[METADATA];
  if (text === undefined) throw fail();
  try {
    return partSchema.parse(JSON.parse(text));
  } catch {
    throw fail();
  }
}

/** The outputs of all batches of the parts, in order. @throws DataError when a batch is missing */
export async function* outputsOf(parts: readonly EvaluationPart[]): AsyncGenerator<RawTensors> {
  for (const { name, file, traits } of parts) {
    const keysOf = new Map<number, string[]>();
    for (const key of file.tensors.keys()) {
      const batch = Number.parseInt(key);
      keysOf.set(batch, [...(keysOf.get(batch) ?? []), key]);
    }
    for (let batch = 0; batch < traits.batches; batch++) {
      const keys = keysOf.get(batch);
      if (keys === undefined)
        throw new DataError(`${name}: its batch ${batch} of ${traits.batches} is missing; make this part again`);
      const outputs: RawTensors = {};
      for (const key of keys) outputs[key.slice(key.indexOf('.') + 1)] = await readOutput(file, key);
      yield outputs;
    }
  }
}

/** A tensor of the file as an output. */
async function readOutput({ name, tensors, readBytes }: TensorFile, key: string): Promise<RawTensor> {
  const { dtype: stored, shape } = tensors.get(key) as StoredTensor;
  const dtype = (Object.keys(STORED) as RawDType[]).find((one) => STORED[one] === stored);
  if (dtype === undefined)
    throw new DataError(`${name}: ${key} is of dtype ${stored}; expected ${Object.values(STORED).join(', ')}`);
  const { buffer } = new Uint8Array(await readBytes(key)); // a copy, which is aligned
  return { dtype, shape, data: new RAW_ARRAYS[dtype](buffer) };
}
