// The part of ONNX's schema that an exported model needs, as data, and messages of it as bytes.
import { PbfWriter } from 'pbf';

/** A message: its fields by name. A field that is absent is not written; a list is written element by element. */
export interface OnnxMessage {
  readonly [field: string]: FieldValue | readonly FieldValue[];
}
type FieldValue = number | string | OnnxMessage;

/** The kind of a field: of one protobuf type, or another message. */
type FieldKind = 'int' | 'float' | 'string' | MessageName;

/** Message -> field -> its number and kind. */
const SCHEMA = {
  Model: {
    irVersion: [1, 'int'],
    producerName: [2, 'string'],
    opsetImport: [8, 'OperatorSet'],
  },
  OperatorSet: { version: [2, 'int'] },
  Graph: {
    node: [1, 'Node'],
    name: [2, 'string'],
    initializer: [5, 'Tensor'],
    input: [11, 'ValueInfo'],
    output: [12, 'ValueInfo'],
  },
  Node: {
    input: [1, 'string'],
    output: [2, 'string'],
    name: [3, 'string'],
    opType: [4, 'string'],
    attribute: [5, 'Attribute'],
  },
  Attribute: { name: [1, 'string'], f: [2, 'float'], i: [3, 'int'], ints: [8, 'int'], type: [20, 'int'] },
  ValueInfo: { name: [1, 'string'], type: [2, 'Type'] },
  Type: { tensorType: [1, 'TensorType'] },
  TensorType: { elemType: [1, 'int'], shape: [2, 'Shape'] },
  Shape: { dim: [1, 'Dimension'] },
  Dimension: { dimValue: [1, 'int'], dimParam: [2, 'string'] },
  Tensor: {
    dims: [1, 'int'],
    dataType: [2, 'int'],
    floatData: [4, 'float'],
    int64Data: [7, 'int'],
    name: [8, 'string'],
    externalData: [13, 'Entry'],
    dataLocation: [14, 'int'],
  },
  Entry: { key: [1, 'string'], value: [2, 'string'] },
} as const;

/** A message of the schema. */
export type MessageName = keyof typeof SCHEMA;

/** `Model.graph`, `Graph.initializer` and `Tensor.raw_data`: fields whose content is written as a stream. */
export const STREAMED_FIELDS = { graph: 7, initializer: 5, rawData: 9 } as const;

/** `TensorProto.DataType` of what a graph computes with. */
export const DATA_TYPES = { float32: 1, int64: 7 } as const;
export type OnnxDType = keyof typeof DATA_TYPES;

/** `AttributeProto.AttributeType`. */
export const ATTRIBUTE_TYPES = { float: 1, int: 2, ints: 7 } as const;

/** `TensorProto.DataLocation.EXTERNAL`. */
export const EXTERNAL = 1;

const LENGTH_DELIMITED = 2;

/**
 * A message as protobuf.
 * @see https://github.com/onnx/onnx/blob/v1.16.0/onnx/onnx.proto
 */
export function encodeMessage(kind: MessageName, message: OnnxMessage): Uint8Array {
  const writer = new PbfWriter();
  writeFields(kind, message, writer);
  return writer.finish();
}

/** What precedes `byteCount` bytes of a field that holds bytes or a message. */
export function fieldHeader(field: number, byteCount: number): Uint8Array {
  const writer = new PbfWriter();
  writer.writeTag(field, LENGTH_DELIMITED);
  writer.writeVarint(byteCount);
  return writer.finish();
}

function writeFields(kind: MessageName, message: OnnxMessage, writer: PbfWriter): void {
  const schema: Readonly<Record<string, readonly [field: number, kind: FieldKind]>> = SCHEMA[kind];
  for (const [name, value] of Object.entries(message)) {
    const known = schema[name];
    if (known === undefined) throw new Error(`ONNX's ${kind} has no field ${name}`);
    for (const one of [value].flat()) writeField(known, one, writer);
  }
}

function writeField([field, kind]: readonly [number, FieldKind], value: FieldValue, writer: PbfWriter): void {
  if (kind === 'int') writer.writeVarintField(field, value as number);
  else if (kind === 'float') writer.writeFloatField(field, value as number);
  else if (kind === 'string') writer.writeStringField(field, value as string);
  else writer.writeMessage(field, (message, inner) => writeFields(kind, message, inner), value as OnnxMessage);
}
