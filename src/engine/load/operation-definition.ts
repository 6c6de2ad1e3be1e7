// What TensorFlow says about its operations' inputs: which of them are lists.
import { PbfReader } from 'pbf';
import type { NativeGraph } from '../load/addon.js';

/** True for each input argument that takes a list of tensors. */
export type InputPattern = readonly boolean[];

const patterns = new Map<string, InputPattern>();

/** @throws EngineError for an operation that TensorFlow does not have. */
function inputPattern(graph: NativeGraph, type: string): InputPattern {
  let pattern = patterns.get(type);
  if (pattern === undefined) {
    const inputs = new PbfReader(graph.definition(type)).readFields<{ isList: boolean }[]>(readDefinition, []);
    pattern = inputs.map(({ isList }) => isList);
    patterns.set(type, pattern);
  }
  return pattern;
}

/** `tensorflow.OpDef`: its input arguments. */
function readDefinition(tag: number, inputs: { isList: boolean }[], reader: PbfReader): void {
  if (tag === 2) inputs.push(reader.readMessage(readArgument, { isList: false }));
}

/** `tensorflow.OpDef.ArgDef`: `number_attr` or `type_list_attr` make it a list. */
function readArgument(tag: number, argument: { isList: boolean }, reader: PbfReader): void {
  if ((tag === 5 || tag === 6) && reader.readString() !== '') argument.isList = true;
}

/** tfjs's kernels pass the members of a list one by one: groups them as the operation expects. At most one input may be a list. */
export function groupInputs<T>(graph: NativeGraph, type: string, inputs: readonly T[]): (T | T[])[] {
  const pattern = inputPattern(graph, type);
  const list = pattern.indexOf(true);
  if (list < 0) return [...inputs];
  const end = inputs.length - (pattern.length - list - 1);
  return [...inputs.slice(0, list), inputs.slice(list, end), ...inputs.slice(end)];
}
