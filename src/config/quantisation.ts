// The quantisation that a config.json names, and whether it can be read.
import { CheckpointError } from '../errors.js';

/**
 * Checks the quantisation of a config.json.
 * @returns a note for reports, null where there is none.
 * @throws CheckpointError for methods whose files cannot be read.
 */
export function quantisationNote(path: string, quantization: unknown): string | null {
  if (quantization === undefined || quantization === null) return null;
  const { quant_method: method, load_in_8bit: is8bit, load_in_4bit: is4bit } = quantization as Record<string, unknown>;
  const name = typeof method === 'string' ? method : is8bit === true || is4bit === true ? 'bitsandbytes' : 'unknown';
  if (name === 'bitsandbytes' && is4bit !== true)
    return 'quantised by bitsandbytes to 8 bits: matrices are read with their scales, as float32';
  throw new CheckpointError(
    `${path}: quantization_config says ${name.slice(0, 40)}${is4bit === true ? ' with 4 bits' : ''}; only bitsandbytes' 8-bit weights can be read. ` +
      'Save the model unquantised (in transformers model.dequantize() before save_pretrained)',
  );
}
