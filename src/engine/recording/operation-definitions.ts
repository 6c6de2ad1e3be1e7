// What TensorFlow says about its operations' inputs: which of them are lists.
import type { NativeGraph } from '../load/addon.js';
import { Message } from '../../protobuf.js';

/** True for each input argument that takes a list of tensors. */
export type InputPattern = readonly boolean[];

const patterns = new Map<string, InputPattern>();

/** @throws EngineError for an operation that TensorFlow does not have. */
function inputPattern(graph: NativeGraph, type: string): InputPattern {
  let pattern = patterns.get(type);
  if (pattern === undefined) {
    // OpDef.input_arg = 2; ArgDef.number_attr = 5, type_list_attr = 6
    pattern = new Message(graph.definition(type)).messages(2).map((arg) => arg.text(5) !== '' || arg.text(6) !== '');
    patterns.set(type, pattern);
  }
  return pattern;
}

/** tfjs's kernels pass the members of a list one by one: groups them as the operation wants them. At most one input may be a list. */
export function groupInputs<T>(graph: NativeGraph, type: string, inputs: readonly T[]): (T | T[])[] {
  const pattern = inputPattern(graph, type);
  const list = pattern.indexOf(true);
  if (list < 0) return [...inputs];
  const end = inputs.length - (pattern.length - list - 1);
  return [...inputs.slice(0, list), inputs.slice(list, end), ...inputs.slice(end)];
}
