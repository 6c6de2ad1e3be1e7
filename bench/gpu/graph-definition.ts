// Parses a recorded graph (`tensorflow.GraphDef`), as far as the placement of its operations requires.
import { PbfReader } from 'pbf';

/** One operation. */
export interface GraphNode {
  name: string;
  type: string;
  /** Names of the operations that it reads; control inputs are left out. */
  inputs: string[];
  /** dtypes by attribute, as TensorFlow numbers them; those of a list in order. */
  types: Map<string, number[]>;
  /** Operations that it has to share a device with: `loc:@name`. */
  beside: string[];
}

/**
 * The operations of a serialized `tensorflow.GraphDef`.
 * @see https://github.com/tensorflow/tensorflow/blob/v2.21.0/tensorflow/core/framework/node_def.proto
 */
export function graphNodes(definition: Uint8Array): GraphNode[] {
  return new PbfReader(definition).readFields<GraphNode[]>((tag, nodes, reader) => {
    if (tag === 1) nodes.push(reader.readMessage(readNode, emptyNode()));
  }, []);
}

function emptyNode(): GraphNode {
  return { name: '', type: '', inputs: [], types: new Map(), beside: [] };
}

function readNode(tag: number, node: GraphNode, reader: PbfReader): void {
  if (tag === 1) node.name = reader.readString();
  else if (tag === 2) node.type = reader.readString();
  else if (tag === 3) {
    const input = reader.readString();
    if (!input.startsWith('^')) node.inputs.push(input.split(':')[0] as string);
  } else if (tag === 5) {
    const { key, value } = reader.readMessage(readAttribute, { key: '', value: emptyValue() });
    if (value.types.length > 0) node.types.set(key, value.types);
    if (key === '_class') node.beside.push(...value.texts.map((text) => text.replace(/^loc:@/, '')));
  }
}

/** `tensorflow.AttrValue`: dtypes and strings, alone or in a list. */
export interface AttributeValue {
  types: number[];
  texts: string[];
}

export function emptyValue(): AttributeValue {
  return { types: [], texts: [] };
}

function readAttribute(tag: number, entry: { key: string; value: AttributeValue }, reader: PbfReader): void {
  if (tag === 1) entry.key = reader.readString();
  else if (tag === 2) reader.readMessage(readValue, entry.value);
}

export function readValue(tag: number, value: AttributeValue, reader: PbfReader): void {
  if (tag === 1) reader.readMessage(readList, value);
  else if (tag === 2) value.texts.push(reader.readString());
  else if (tag === 6) value.types.push(reader.readVarint());
}

function readList(tag: number, value: AttributeValue, reader: PbfReader): void {
  if (tag === 2) value.texts.push(reader.readString());
  else if (tag === 6) reader.readPackedVarint(value.types);
}
