// Writes a detector's folder: its settings and safetensors weights.
import { createSink, joinPath, makeFolder, writeTextAtomic } from '#platform';
import { writeWhole } from '../../byte-sink.js';
import { type TensorToWrite, writeSafetensors } from '../../checkpoint/safetensors.js';
import { jsonText } from '../../platform/json-file.js';
import type { ReadTensor } from '../../raw-tensor.js';
import type { DetectorConfig } from '../detector/config.js';
import { detectorTensors } from '../detector/specification.js';
import { DETECTOR_TYPE } from '../../models/pretrained/detector-type.js';

/** The weights in the folder of a detector. */
export const WEIGHTS_FILE = 'model.safetensors';

/** Writes a folder that `openDetector` reads. @param name null for custom settings */
export async function writeFolder(
  dir: string,
  { name, config }: { name: string | null; config: DetectorConfig },
  tensors: readonly TensorToWrite[],
): Promise<void> {
  await makeFolder(dir);
  await writeWhole(await createSink(joinPath(dir, WEIGHTS_FILE)), (sink) => writeSafetensors(sink, [...tensors]));
  const settings = { model_type: DETECTOR_TYPE, name, ...config };
  await writeTextAtomic(joinPath(dir, 'config.json'), jsonText(settings));
}

/** Writes a detector with custom settings. @param read its tensors, by the names of `detectorTensors` */
export async function writeDetector(dir: string, config: DetectorConfig, read: ReadTensor): Promise<void> {
  const tensors = [...detectorTensors(config)].map(([name, shape]): TensorToWrite => ({
    ...{ name, dtype: 'F32', shape: [...shape] },
    bytes: async () => {
      const { buffer, byteOffset, byteLength } = (await read(name)).data as Float32Array;
      return new Uint8Array(buffer, byteOffset, byteLength);
    },
  }));
  await writeFolder(dir, { name: null, config }, tensors);
}
