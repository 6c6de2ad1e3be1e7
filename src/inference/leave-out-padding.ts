// Batches without their padding: the encoder computes only the tokens that masks leave.
import type { RaggedBatch } from '../models/backbone.js';
import type { RawTensor, RawTensors, Tensors } from '../raw-tensor.js';
import { sizeOf } from '../shapes.js';

/** Names of the inputs that describe a batch without padding. */
const NAMES = { rows: 'raggedRows', places: 'raggedPlaces', rowSplits: 'raggedSplits' } as const;

/**
 * The inputs of a model with those of `takeRagged`; unchanged where tokens are masked that a head could read. Of examples
 * that fill up a batch, those after `exampleCount`, one token is left, and their outputs mean nothing.
 * @param inputs checked: masks `[..., t]` and `[..., v]`
 */
export function leaveOutPadding(inputs: RawTensors): RawTensors {
  const { inputIds, inputsEmbeds, attentionMask, visualEmbeds, visualAttentionMask, maskedPositions } = inputs;
  const lead = inputIds?.shape ?? inputsEmbeds?.shape.slice(0, -1) ?? [];
  const [b, t] = [sizeOf(lead.slice(0, -1)), lead.at(-1) ?? 0]; // b counts choices too
  const [examples = 0] = lead;
  const count = (inputs['exampleCount']?.data[0] ?? examples) * (b / examples); // sequences of real examples
  const v = visualEmbeds?.shape.at(-2) ?? 0;
  const s = t + v;
  const [isText, isRegion] = [isAttended(attentionMask, t), isAttended(visualAttentionMask, v)];
  const rows: number[] = [];
  const places = new Int32Array(b * s).fill(-1);
  const rowSplits = new Int32Array(b + 1);
  for (let i = 0; i < b; i++) {
    const length = i < count ? s : 1;
    for (let position = 0; position < length; position++) {
      if (!(position < t ? isText(i, position) : isRegion(i, position - t))) continue;
      if (position > 0 && position < t && !isText(i, position - 1)) return inputs; // heads count the tokens of the text
      places[i * s + position] = rows.length;
      rows.push(i * s + position);
    }
    if (places[i * s] === -1) return inputs; // read by heads
    rowSplits[i + 1] = rows.length;
  }
  if (!areAttended(maskedPositions, places, s, count)) return inputs;
  const int32 = (data: Int32Array): RawTensor => ({ dtype: 'int32', shape: [data.length], data });
  const padded = new Int32Array(b * s);
  padded.set(rows);
  return {
    ...inputs,
    [NAMES.rows]: int32(padded),
    [NAMES.places]: int32(places.map((place) => Math.max(place, 0))),
    [NAMES.rowSplits]: int32(rowSplits),
  };
}

/** Takes what `leaveOutPadding` added out of a model's inputs. */
export function takeRagged(inputs: Tensors): { inputs: Tensors; ragged: RaggedBatch | undefined } {
  const { [NAMES.rows]: rows, [NAMES.places]: places, [NAMES.rowSplits]: rowSplits, ...others } = inputs;
  const isPadded = rows === undefined || places === undefined || rowSplits === undefined;
  return { inputs: others, ragged: isPadded ? undefined : { rows, places, rowSplits } };
}

/** Whether position `position` of example i is attended to; all are without a mask. */
function isAttended(mask: RawTensor | undefined, length: number): (i: number, position: number) => boolean {
  if (mask === undefined) return () => true;
  return (i, position) => mask.data[i * length + position] !== 0;
}

/** Whether the positions `[b, k]` of the first `count` examples, of which negative ones are unused, are attended to. */
function areAttended(positions: RawTensor | undefined, places: Int32Array, s: number, count: number): boolean {
  if (positions === undefined) return true;
  const k = positions.shape.at(-1) ?? 0;
  return Array.from(positions.data).every((position, i) => {
    const example = Math.floor(i / k);
    return position < 0 || example >= count || places[example * s + position] !== -1;
  });
}
