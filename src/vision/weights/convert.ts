// convertDetector: converts a detector from any known layout to a folder with its settings and safetensors weights.
import type { HubOptions } from '#platform';
import type { TensorToWrite } from '../../checkpoint/safetensors.js';
import { requireFolderFor } from '../../models/pretrained/write-weights.js';
import { openDetector, type DetectorChoice } from './open.js';
import { planWeights, type WeightPlan } from './plan.js';
import { type LayerValues, readLayer } from './read.js';
import { WEIGHTS_FILE, writeFolder } from './write.js';
import { requireOptions, requirePath } from '../../options.js';

/** Options of `convertDetector`. */
export interface ConvertDetectorOptions extends DetectorChoice, HubOptions {
  /** The folder to write. */
  outDir: string;
}

/** Result of `convertDetector`, with the use of every key. */
export interface DetectorConversion {
  source: string;
  /** The layout of the source. */
  layout: WeightPlan['layout']['name'];
  /** Layers and their source keys. */
  converted: { layer: string; keys: string[] }[];
  skipped: { key: string; reason: string }[];
  /** Files written, in outDir. */
  files: string[];
}

/**
 * Converts a detector. All keys are checked before anything is written; layers are read and written one by one.
 * @example await convertDetector('pytorch_model.bin', { detector: 'vg-r101-c4', outDir: 'detector' });
 * @throws CheckpointError when the file is damaged or of another detector; ConfigError for an unknown name, and for a folder that holds another
 * model, whose weights or config.json it would replace.
 */
export async function convertDetector(source: string, given: ConvertDetectorOptions): Promise<DetectorConversion> {
  requirePath('convertDetector', source);
  requireOptions('convertDetector', given);
  const { outDir, ...options } = given;
  requirePath('convertDetector (outDir)', outDir);
  await requireFolderFor('a detector', 'convertDetector', outDir);
  const { name, config, layout, file } = await openDetector(source, options);
  try {
    const plan = planWeights(file, config, layout);
    await writeFolder(outDir, { name, config }, tensorsOf(plan));
    return {
      source: file.name,
      layout: plan.layout.name,
      converted: plan.layers.map(({ layer, keys: { weight, bias, norm } }) => ({
        layer: layer.name,
        keys: [weight, ...(bias === undefined ? [] : [bias]), ...Object.values(norm ?? {})],
      })),
      skipped: plan.skipped,
      files: [WEIGHTS_FILE, 'config.json'],
    };
  } finally {
    await file.close();
  }
}

function tensorsOf(plan: WeightPlan): TensorToWrite[] {
  return plan.layers.flatMap((planned) => {
    const { name, kind, shape } = planned.layer;
    // Both tensors of a layer are read at once, since a folded bias needs the whole layer.
    let read: Promise<LayerValues> | null = null;
    const values = (): Promise<LayerValues> => (read ??= readLayer(plan, planned));
    const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array =>
      new Uint8Array(buffer, byteOffset, byteLength);
    const weight = { name: `${name}.weight`, dtype: 'F32', shape, bytes: async () => bytesOf((await values()).weight) };
    const bias = {
      name: `${name}.bias`,
      dtype: 'F32',
      shape: [shape[0] as number],
      bytes: async () => {
        const { bias: last } = await values();
        read = null; // written: free it
        return bytesOf(last as Float32Array);
      },
    };
    return (kind === 'table' ? [weight] : [weight, bias]) as TensorToWrite[];
  });
}
