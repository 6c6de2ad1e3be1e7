// What TensorFlow says about an operation's inputs: which of them are lists.
import { PbfReader } from 'pbf';

/** True for each input argument that takes a list of tensors. */
export type InputPattern = readonly boolean[];

/** @param definition the serialized `tensorflow.OpDef`. */
export function inputPattern(definition: Uint8Array): InputPattern {
  const inputs = new PbfReader(definition).readFields<{ isList: boolean }[]>(readDefinition, []);
  return inputs.map(({ isList }) => isList);
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
export function groupInputs<T>(pattern: InputPattern, inputs: readonly T[]): (T | T[])[] {
  const list = pattern.indexOf(true);
  if (list < 0) return [...inputs];
  const end = inputs.length - (pattern.length - list - 1);
  return [...inputs.slice(0, list), inputs.slice(list, end), ...inputs.slice(end)];
}
