// Writes a graph with its parameters: model.onnx, and the parameters in files of their own where one file cannot hold them.
import { createSink, joinPath } from '#platform';
import { type ByteSink, joinBytes, writeWhole } from '../../byte-sink.js';
import { DTYPE_BYTES, fromFloat32 } from '../../stored-dtype.js';
import { sizeOf, transposed } from '../../shapes.js';
import type { GraphParameter, OnnxGraph } from './graph-builder.js';
import { DATA_TYPES, encodeMessage, EXTERNAL, fieldHeader, type OnnxMessage, STREAMED_FIELDS } from './messages.js';

/** Has LayerNormalization; newer operators are not needed, and every runtime since 2023 reads it. */
const OPERATOR_SET = 17;
/** The version of the format that came with these operators. */
const IR_VERSION = 8;
/** No protobuf message is longer. */
const MAX_MESSAGE_BYTES = 2 ** 31 - 1;
/** Tensors in a file of their own begin at pages, so that runtimes can map them into memory. */
const ALIGNMENT = 4096;

const MODEL_FILE = 'model.onnx';

/** Parameters of a model, by their names in it. */
export interface ParameterSource {
  shape(name: string): readonly number[];
  read(name: string): Promise<Float32Array>;
}

/** A parameter as it is stored. */
interface StoredParameter extends GraphParameter {
  shape: readonly number[];
  byteCount: number;
}

/** The location of a parameter in a file of parameters. */
interface Location {
  file: string;
  offset: number;
}

/**
 * Writes `model.onnx` into a folder, and `model.onnx_data`, `model.onnx_data_1`, ... where the model is larger than `maxFileBytes`
 * or 2 GiB. Parameters are read and written one by one.
 * @returns the names of the files written.
 */
export async function writeOnnx(
  folder: string,
  graph: OnnxGraph,
  source: ParameterSource,
  { maxFileBytes = MAX_MESSAGE_BYTES }: { maxFileBytes?: number } = {},
): Promise<Set<string>> {
  const parameters = graph.parameters.map((parameter): StoredParameter => {
    const shape = source.shape(parameter.name);
    const stored = parameter.isTransposed ? [...shape].reverse() : shape;
    return { ...parameter, shape: stored, byteCount: sizeOf(shape) * DTYPE_BYTES.F32 };
  });
  const whole = layoutOf(graph, parameters, new Map());
  const isOneFile = whole.byteCount <= Math.min(maxFileBytes, MAX_MESSAGE_BYTES);
  const locations = isOneFile ? new Map<string, Location>() : locationsOf(parameters, maxFileBytes);
  const layout = isOneFile ? whole : layoutOf(graph, parameters, locations);
  const files = new Set([...locations.values()].map(({ file }) => file));
  for (const file of files) {
    const content = parameters.filter(({ value }) => locations.get(value)?.file === file);
    await writeWhole(await createSink(joinPath(folder, file)), (sink) => writeData(sink, content, locations, source));
  }
  await writeWhole(await createSink(joinPath(folder, MODEL_FILE)), async (sink) => {
    await sink.write(layout.start);
    for (const [i, parameter] of parameters.entries()) {
      await sink.write(layout.heads[i] as Uint8Array);
      if (!locations.has(parameter.value)) await sink.write(await bytesOf(parameter, source));
    }
  });
  return new Set([MODEL_FILE, ...files]);
}

/** Assigns each parameter a location, in order; one larger than `maxFileBytes` gets a file of its own. */
function locationsOf(parameters: readonly StoredParameter[], maxFileBytes: number): Map<string, Location> {
  const locations = new Map<string, Location>();
  let [count, end] = [0, 0];
  for (const { value, byteCount } of parameters) {
    let offset = Math.ceil(end / ALIGNMENT) * ALIGNMENT;
    if (offset > 0 && offset + byteCount > maxFileBytes) [count, offset] = [count + 1, 0];
    locations.set(value, { file: `${MODEL_FILE}_data${count === 0 ? '' : `_${count}`}`, offset });
    end = offset + byteCount;
  }
  return locations;
}

async function writeData(
  sink: ByteSink,
  parameters: readonly StoredParameter[],
  locations: ReadonlyMap<string, Location>,
  source: ParameterSource,
): Promise<void> {
  let end = 0;
  for (const parameter of parameters) {
    const { offset = end } = locations.get(parameter.value) ?? {};
    await sink.write(new Uint8Array(offset - end));
    await sink.write(await bytesOf(parameter, source));
    end = offset + parameter.byteCount;
  }
}

/** The bytes of model.onnx but for the values in it. The graph is its last field, and the parameters are those of the graph. */
interface FileLayout {
  start: Uint8Array;
  /** What precedes the values of each parameter, or is the parameter where its values lie elsewhere. */
  heads: Uint8Array[];
  byteCount: number;
}

function layoutOf(
  { name, nodes: node, inputs: input, outputs: output, constants: initializer }: OnnxGraph,
  parameters: readonly StoredParameter[],
  locations: ReadonlyMap<string, Location>,
): FileLayout {
  const model = encodeMessage('Model', {
    irVersion: IR_VERSION,
    producerName: 'visualbert-tfjs',
    opsetImport: { version: OPERATOR_SET },
  });
  const graph = encodeMessage('Graph', { name, node, input, output, initializer });
  const heads = parameters.map((parameter) => parameterHead(parameter, locations.get(parameter.value)));
  const parameterBytes = parameters.reduce(
    (sum, { value, byteCount }, i) => sum + (heads[i]?.byteLength ?? 0) + (locations.has(value) ? 0 : byteCount),
    0,
  );
  const start = joinBytes([model, fieldHeader(STREAMED_FIELDS.graph, graph.byteLength + parameterBytes), graph]);
  return { start, heads, byteCount: start.byteLength + parameterBytes };
}

/** A parameter's field of the graph, up to its values. */
function parameterHead({ value, shape, byteCount }: StoredParameter, location: Location | undefined): Uint8Array {
  const tensor: OnnxMessage = { dims: shape, dataType: DATA_TYPES.float32, name: value };
  if (location === undefined) {
    const start = joinBytes([encodeMessage('Tensor', tensor), fieldHeader(STREAMED_FIELDS.rawData, byteCount)]);
    return joinBytes([fieldHeader(STREAMED_FIELDS.initializer, start.byteLength + byteCount), start]);
  }
  const externalData = Object.entries({ location: location.file, offset: location.offset, length: byteCount }).map(
    ([key, entry]): OnnxMessage => ({ key, value: String(entry) }),
  );
  const whole = encodeMessage('Tensor', { ...tensor, externalData, dataLocation: EXTERNAL });
  return joinBytes([fieldHeader(STREAMED_FIELDS.initializer, whole.byteLength), whole]);
}

async function bytesOf({ name, shape, isTransposed }: StoredParameter, source: ParameterSource): Promise<Uint8Array> {
  const values = await source.read(name);
  return fromFloat32('F32', isTransposed ? transposed(values, shape[1] ?? 0, shape[0] ?? 0) : values);
}
