// The page's model: a question-answering VisualBERT with its processor, which can change backends and get one more answer.
import {
  AnswerVocabulary,
  memorySink,
  type RawTensor,
  tf,
  VisualBertForQuestionAnswering,
  VisualBertProcessor,
  writeSafetensors,
  ZipWriter,
} from '../../src/index.js';

export interface Model {
  model: VisualBertForQuestionAnswering;
  processor: VisualBertProcessor;
}

/** Reads a model at an address. */
export async function openModel(address: string): Promise<Model> {
  const model = await VisualBertForQuestionAnswering.fromPretrained(address);
  return { model, processor: await VisualBertProcessor.fromPretrained(address, { defaultTask: 'vqa' }) };
}

/** [CLS], [MASK] and [SEP] */
const SPECIAL_TOKENS = 3;

/** How many word pieces a question has, and how many of them the model reads. */
export async function questionLength({ processor }: Model, question: string): Promise<{ read: number; total: number }> {
  const { tokenizer, task } = processor;
  const unlimited = new VisualBertProcessor({ tokenizer, task, maxLength: Number.MAX_SAFE_INTEGER });
  const [cut, whole] = await Promise.all([processor, unlimited].map((one) => one.encodeText(question)));
  return { read: (cut?.ids.length ?? 0) - SPECIAL_TOKENS, total: (whole?.ids.length ?? 0) - SPECIAL_TOKENS };
}

/** The same model with one more answer, whose class starts with weights of 0. The model before is disposed. */
export async function withAnswer({ model, processor }: Model, answer: string): Promise<Model> {
  const answers = [...(processor.answers?.answers ?? []), answer];
  const state = await model.stateDict();
  const config = model.config.with({ numLabels: answers.length, id2label: { ...answers } });
  model.dispose();
  const grown = new VisualBertForQuestionAnswering(config, {
    initializer: (name, shape) => tf.tensor(filledUp(state.get(name), shape), shape),
  });
  return {
    model: grown,
    processor: new VisualBertProcessor({
      tokenizer: processor.tokenizer,
      task: processor.task,
      maxLength: processor.maxLength,
      visualEmbeddingDim: processor.visualEmbeddingDim,
      answers: new AnswerVocabulary(answers),
      classCount: answers.length,
    }),
  };
}

/** The values padded with zeros: new rows are the last ones. */
function filledUp(value: RawTensor | undefined, shape: readonly number[]): Float32Array {
  const values = new Float32Array(shape.reduce((product, size) => product * size, 1));
  values.set(value?.data ?? []);
  return values;
}

/** A zip archive with the folder that `fromPretrained` reads, here and in Python. */
export async function zipOf({ model, processor }: Model): Promise<Uint8Array<ArrayBuffer>> {
  const archive = memorySink('model.zip');
  const zip = new ZipWriter(archive);
  const text = (value: string): Uint8Array => new TextEncoder().encode(value);
  const config = { ...model.config.toJSON(), architectures: [model.className], dtype: 'float32' };
  await zip.add('config.json', text(JSON.stringify(config, null, 2)));
  const { task, maxLength } = processor;
  const settings = { processor_class: 'VisualBertProcessor', task, max_length: maxLength };
  await zip.add('processor_config.json', text(JSON.stringify(settings, null, 2)));
  for (const [name, content] of Object.entries(processor.tokenizer.files)) await zip.add(name, text(content));
  const weights = memorySink('model.safetensors');
  const tensors = [...(await model.stateDict())].map(([name, { shape, data }]) => ({
    ...{ name, dtype: 'F32' as const, shape },
    bytes: async () => new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  }));
  await writeSafetensors(weights, tensors);
  await zip.add('model.safetensors', weights.bytes());
  await zip.finish();
  return archive.bytes();
}
