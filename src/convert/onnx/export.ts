// A planned conversion as an ONNX model: the graph of its class with the parameters of its source.
import { CheckpointError } from '../../errors.js';
import { parameterShapes } from '../../models/model-classes.js';
import { byteCount } from '../../models/pretrained/write-weights.js';
import { someKeys } from '../../models/pretrained/explain.js';
import type { ConversionPlan } from '../plan.js';
import { graphOf } from './classes.js';
import { writeOnnx } from './write.js';

/**
 * Prepares the export, and returns what writes it into a folder.
 * @param maxFileSize the largest file, as `500MB`; none is larger than 2 GiB.
 * @throws CheckpointError when the source lacks a parameter that the class computes with. ConfigError for an activation without an ONNX form.
 */
export function onnxWriter(
  { architecture, config, file, sources }: ConversionPlan,
  maxFileSize?: number | string,
): (folder: string) => Promise<Set<string>> {
  const graph = graphOf(architecture, config);
  const missing = graph.parameters.map(({ name }) => name).filter((name) => !sources.has(name));
  if (missing.length > 0) {
    throw new CheckpointError(
      `${file.name}: expected every parameter of ${architecture} for an ONNX model, received none for ${someKeys(missing)}; ` +
        'convert to a class that the checkpoint was trained as, or train these parameters first',
    );
  }
  const shapes = parameterShapes(architecture, config);
  const source = {
    shape: (name: string) => shapes.get(name) ?? [],
    read: (name: string) => file.readFloat32(sources.get(name) ?? name),
  };
  return (folder) =>
    writeOnnx(folder, graph, source, maxFileSize === undefined ? {} : { maxFileBytes: byteCount(maxFileSize) });
}
