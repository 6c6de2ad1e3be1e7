// Converting the authors', MMF's and BERT's checkpoints. Each fixture's values follow from the parameter's name in transformers.
import { beforeAll, describe, expect, test } from '@jest/globals';
import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { createSink } from '#platform';
import { writeWhole } from '../../src/byte-sink.js';
import { writeSafetensors } from '../../src/checkpoint/safetensors.js';
import { VisualBertConfig } from '../../src/config/config.js';
import { convertCheckpoint, type ConversionReport } from '../../src/convert/convert.js';
import type { ConvertOptions } from '../../src/convert/options.js';
import { inspectCheckpoint } from '../../src/convert/inspect.js';
import type { Architecture } from '../../src/models/pretrained/classify.js';
import { parameterShapes } from '../../src/models/model-classes.js';
import { openTensorPath } from '../../src/models/pretrained/open-weights.js';
import { VisualBertForPreTraining } from '../../src/models/pre-training.js';
import { VisualBertForQuestionAnswering } from '../../src/models/question-answering.js';
import { VisualBertForVisualReasoning } from '../../src/models/visual-reasoning.js';
import { sizeOf } from '../../src/shapes.js';
import { useBackend } from '../helpers/backend.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

const FOLDER = 'test/fixtures/checkpoints';
const SMALL = new VisualBertConfig({
  vocabSize: 12,
  hiddenSize: 4,
  numHiddenLayers: 1,
  numAttentionHeads: 2,
  intermediateSize: 6,
  maxPositionEmbeddings: 5,
  visualEmbeddingDim: 3,
});

let scratch: string;
beforeAll(async () => {
  await useBackend();
  scratch = temporaryFolder();
});

function namedValues(name: string, count: number): Float32Array {
  const start = crc32(name);
  return Float32Array.from({ length: count }, (_, i) => ((start + 7 * i) % 1000) / 500 - 1);
}

let count = 0;
async function convert(
  source: string,
  options: Omit<ConvertOptions, 'outDir'> = { config: SMALL },
): Promise<ConversionReport & { outDir: string }> {
  const outDir = join(scratch, `out-${count++}`);
  return {
    ...(await convertCheckpoint(source.includes('/') ? source : `${FOLDER}/${source}`, { outDir, ...options })),
    outDir,
  };
}

/** Checks that every parameter of the class is there and has the values of its name. */
async function expectNamedValues(
  outDir: string,
  architecture: Architecture,
  config: VisualBertConfig,
  except: RegExp = /^$/,
): Promise<void> {
  const file = await openTensorPath(join(outDir, 'model.safetensors'));
  for (const [name, shape] of parameterShapes(architecture, config)) {
    if (except.test(name)) continue;
    expect([name, file.tensors.get(name)?.shape]).toEqual([name, shape]);
    expect([name, await file.readFloat32(name)]).toEqual([name, namedValues(name, sizeOf(shape))]);
  }
  await file.close();
}

describe('convertCheckpoint', () => {
  test.each(['safetensors', 'tfjs'] as const)(
    'to %s removes from its folder the tokenizer and the processor of another model',
    async (format) => {
      const outDir = temporaryFolder();
      const stale = ['vocab.txt', 'tokenizer.json', 'tokenizer_config.json', 'processor_config.json'];
      for (const name of [...stale, 'notes.txt']) writeFileSync(join(outDir, name), 'of another model');
      const source = temporaryFolder();
      cpSync(`${FOLDER}/authors-vqa.th`, join(source, 'vqa.th'));
      writeFileSync(join(source, 'vocab.txt'), '[PAD]\n');
      const { files } = await convertCheckpoint(join(source, 'vqa.th'), {
        outDir,
        format,
        config: SMALL.with({ numLabels: 5 }),
      });
      expect(readFileSync(join(outDir, 'vocab.txt'), 'utf8')).toBe('[PAD]\n');
      expect(files).toContain('vocab.txt');
      expect([...stale, 'notes.txt'].filter((name) => existsSync(join(outDir, name)))).toEqual([
        'vocab.txt',
        'notes.txt',
      ]);
    },
  );

  test.each([
    ['pretraining', 'VisualBertForPreTraining', {}],
    ['vqa', 'VisualBertForQuestionAnswering', { numLabels: 5 }],
    ['nlvr2', 'VisualBertForVisualReasoning', { bypassTransformer: true }],
    ['vcr', 'VisualBertForMultipleChoice', {}],
    ['flickr', 'VisualBertForRegionToPhraseAlignment', {}],
  ] as const)("converts the authors' %s checkpoint to %s", async (phase, architecture, changes) => {
    const config = SMALL.with(changes);
    const report = await convert(`authors-${phase}.th`, { config });
    expect(report).toMatchObject({ layout: 'authors', architecture, missing: [] });
    await expectNamedValues(report.outDir, architecture, config);
    expect(JSON.parse(readFileSync(join(report.outDir, 'config.json'), 'utf8'))).toMatchObject({
      architectures: [architecture],
      model_type: 'visual_bert',
    });
    const inspection = await inspectCheckpoint(report.outDir);
    expect(inspection).toMatchObject({ layout: 'transformers', architecture, missing: [] });
  });

  test('takes the class from config.json where heads look alike', async () => {
    const saved = join(scratch, 'three-labels');
    const model = new VisualBertForVisualReasoning(SMALL.with({ numLabels: 3 }));
    await model.savePretrained(saved);
    model.dispose();
    const report = await convert(saved, {});
    expect(report.architecture).toBe('VisualBertForVisualReasoning');
    expect(readFileSync(join(report.outDir, 'config.json'), 'utf8')).toContain('"VisualBertForVisualReasoning"');
  });

  test('keeps the detector of VCR in a file of its own, bit for bit', async () => {
    const report = await convert('authors-vcr.th');
    expect(report.aside.map(({ file }) => file)).toEqual(['detector.safetensors', 'detector.safetensors']);
    const detector = await openTensorPath(join(report.outDir, 'detector.safetensors'));
    expect(await detector.readFloat32('backbone.0.weight')).toEqual(Float32Array.of(0, 1, 2, 3, 4, 5));
    expect(detector.tensors.get('backbone.1.num_batches_tracked')).toMatchObject({ dtype: 'I64', shape: [] });
    await detector.close();
  });

  test('accounts for every key of the source', async () => {
    for (const name of ['authors-pretraining.th', 'authors-vcr.th', 'mmf-vqa.pth']) {
      const report = await convert(name, { config: name.startsWith('mmf') ? SMALL.with({ numLabels: 5 }) : SMALL });
      const source = await openTensorPath(`${FOLDER}/${name}`);
      const used = [
        ...report.converted.map(({ key }) => key),
        ...report.skipped.map(({ key }) => key),
        ...report.aside.map(({ key }) => key),
      ];
      expect(new Set(used)).toEqual(new Set(source.tensors.keys()));
      await source.close();
    }
  });

  test('converts what MMF trained and ignores its buffer of positions', async () => {
    const report = await convert('mmf-vqa.pth', { config: SMALL.with({ numLabels: 5 }) });
    expect(report.skipped).toEqual([
      { key: 'model.bert.embeddings.position_ids', reason: 'a buffer that counts positions, not a weight' },
    ]);
    await expectNamedValues(report.outDir, 'VisualBertForQuestionAnswering', SMALL.with({ numLabels: 5 }));
  });

  test("maps MMF's classifier of two layers, and reports what its file leaves open", async () => {
    const config = SMALL.with({ numLabels: 5 });
    const report = await convert('mmf-vqa-transform.pth', { config });
    expect(report.missing).toEqual([]);
    expect(report.notes).toEqual([
      expect.stringMatching(/pooler_strategy "vqa" is VisualBertForQuestionAnswering, "default" is VisualBertForVis/),
      expect.stringMatching(/two layers \(classifierTransform\), which no class of transformers has/),
    ]);
    const withTransform = config.with({ classifierTransform: true });
    await expectNamedValues(report.outDir, 'VisualBertForQuestionAnswering', withTransform);
    const model = await VisualBertForQuestionAnswering.fromPretrained(report.outDir);
    expect(model.loadingReport).toMatchObject({ missingKeys: [], unexpectedKeys: [] });
    expect(model.config.classifierTransform).toBe(true);
    model.dispose();
    const inspection = await inspectCheckpoint(`${FOLDER}/mmf-vqa-transform.pth`);
    expect(inspection).toMatchObject({ layout: 'mmf', architecture: 'VisualBertForQuestionAnswering', missing: [] });
    expect(inspection.traits.classifierTransform).toBe(true);

    const pooled = await convert('mmf-vqa-transform.pth', { config, architecture: 'VisualBertForVisualReasoning' });
    expect(pooled.notes).toHaveLength(1);
    const body = await convert('mmf-vqa-transform.pth', { config, architecture: 'VisualBertForPreTraining', allowIncomplete: true }); // prettier-ignore
    expect(JSON.parse(readFileSync(join(body.outDir, 'config.json'), 'utf8'))).not.toHaveProperty(
      'classifier_transform',
    );
  });

  test("tells MMF's head over two passes from a damaged file", async () => {
    const source = join(scratch, 'mmf-nlvr2.safetensors');
    const shapes = new Map([...parameterShapes('VisualBertForVisualReasoning', SMALL)]);
    shapes.set('cls.weight', [2, 8]).set('cls.transform.dense.weight', [8, 8]).set('cls.transform.dense.bias', [8]);
    const tensors = [...shapes].map(([name, shape]) => ({
      name: name
        .replace('visual_bert.', 'model.bert.')
        .replace('visual_projection', 'projection')
        .replace('cls.transform', 'model.classifier.0')
        .replace(/^cls\./, 'model.classifier.1.'),
      dtype: 'F32' as const,
      shape,
      bytes: async () => new Uint8Array(4 * sizeOf(shape)),
    }));
    await writeWhole(await createSink(source), (sink) => writeSafetensors(sink, tensors));
    await expect(convert(source)).rejects.toThrow(/MMF's NLVR2 head reads two pooled states.*VisualBertModel/);
    const body = await convert(source, { config: SMALL, architecture: 'VisualBertModel', allowIncomplete: true });
    expect(body.skipped).toContainEqual(expect.objectContaining({ key: 'model.classifier.1.weight' }));
  });

  test('makes a start for VisualBERT of a plain BERT: visual tables are copies, the projection stays to be drawn', async () => {
    const report = await convert(`${FOLDER}/plain-bert`, { allowIncomplete: false });
    expect(report).toMatchObject({ layout: 'bert', architecture: 'VisualBertForPreTraining' });
    expect(report.missing).toEqual([
      'visual_bert.embeddings.visual_projection.weight',
      'visual_bert.embeddings.visual_projection.bias',
    ]);
    const file = await openTensorPath(join(report.outDir, 'model.safetensors'));
    const read = (name: string): Promise<Float32Array> => file.readFloat32(`visual_bert.embeddings.${name}.weight`);
    expect(await read('visual_position_embeddings')).toEqual(await read('position_embeddings'));
    expect(await read('visual_token_type_embeddings')).toEqual(await read('token_type_embeddings'));
    await file.close();
    const model = await VisualBertForPreTraining.fromPretrained(report.outDir, { allowFreshWeights: true });
    expect(model.loadingReport?.missingKeys).toEqual(report.missing);
    const config = VisualBertConfig.fromJSON(
      JSON.parse(readFileSync(join(report.outDir, 'config.json'), 'utf8')) as object,
    );
    await expectNamedValues(report.outDir, 'VisualBertForPreTraining', config, /visual_(projection|token|position)/);
  });

  test('drops a head when another class was requested, and reports it', async () => {
    const report = await convert('authors-pretraining.th', { config: SMALL, architecture: 'VisualBertModel' });
    expect(report.skipped).toContainEqual({
      key: 'bert.cls.seq_relationship.bias',
      reason: 'VisualBertModel has no parameter cls.seq_relationship.bias',
    });
    await expect(
      convert('authors-pretraining.th', { config: SMALL, architecture: 'VisualBertForQuestionAnswering' }),
    ).rejects.toThrow(
      /2 parameters of VisualBertForQuestionAnswering are in no key: cls\.weight, cls\.bias; pass `architecture`, or allowIncomplete/,
    );
  });

  test('writes nothing when something does not fit', async () => {
    const outDir = join(scratch, 'untouched');
    for (const [source, options, reason] of [
      [
        'authors-vqa.th',
        { config: SMALL },
        /2 shapes do not fit the configuration: module\.bert\.classifier\.weight \[5, 4\], expected \[2, 4\]/,
      ],
      ['authors-vqa.th', {}, /the number of attention heads does not follow from hidden size 4; pass a config/],
      ['varied.bin', {}, /match none of the layouts transformers, uclanlp\/visualbert, MMF, RoBERTa, BERT/],
    ] as const) {
      await expect(convertCheckpoint(`${FOLDER}/${source}`, { outDir, ...options })).rejects.toThrow(reason);
      expect(existsSync(outDir)).toBe(false);
    }
  });

  test('round trips through every format without a changed bit', async () => {
    const config = SMALL.with({ numLabels: 5 });
    const first = await convert('authors-vqa.th', { config });
    const second = await convert(first.outDir, { format: 'pytorch', maxShardSize: '500' });
    const third = await convert(second.outDir, { format: 'safetensors' });
    const read = (outDir: string): Buffer => readFileSync(join(outDir, 'model.safetensors'));
    expect(read(third.outDir).equals(read(first.outDir))).toBe(true);
    expect(second.files.length).toBeGreaterThan(4);
  });

  test('finds the only checkpoint in a folder and copies the vocabulary and the settings of the processor', async () => {
    const folder = join(scratch, 'run');
    cpSync(`${FOLDER}/authors-nlvr2.th`, join(folder, 'best.th'));
    writeFileSync(join(folder, 'vocab.txt'), '[PAD]\n');
    writeFileSync(join(folder, 'processor_config.json'), '{"task": "nlvr2"}\n');
    const report = await convert(folder, { config: SMALL.with({ bypassTransformer: true }) });
    expect(report.files).toEqual(['model.safetensors', 'config.json', 'vocab.txt', 'processor_config.json']);
    cpSync(`${FOLDER}/authors-vqa.th`, join(folder, 'last.th'));
    await expect(convert(folder)).rejects.toThrow(/holds several checkpoints \(best\.th, last\.th\); name one of them/);
  });

  test('writes the web format, which loads as a model like any other', async () => {
    const config = SMALL.with({ numLabels: 5 });
    const plain = await convert('authors-vqa.th', { config });
    const web = await convert(plain.outDir, { format: 'tfjs', maxShardSize: 500 });
    expect(web.files).toContain('model.json');
    const [a, b] = [
      await VisualBertForQuestionAnswering.fromPretrained(web.outDir),
      await VisualBertForQuestionAnswering.fromPretrained(plain.outDir),
    ];
    expect(a.loadingReport).toMatchObject({ format: 'tfjs', missingKeys: [], unexpectedKeys: [] });
    expect(await a.stateDict()).toEqual(await b.stateDict());
    const back = await convert(web.outDir, {});
    expect(
      readFileSync(join(back.outDir, 'model.safetensors')).equals(
        readFileSync(join(plain.outDir, 'model.safetensors')),
      ),
    ).toBe(true);
    await expect(convert(plain.outDir, { quantization: 'uint8' })).rejects.toThrow(
      /quantization uint8 belongs to the format tfjs/,
    );
  });

  test('stores another dtype when asked', async () => {
    const report = await convert('authors-pretraining.th', { config: SMALL, dtype: 'float16' });
    const { tensors } = await inspectCheckpoint(report.outDir);
    expect(new Set(tensors.map(({ dtype }) => dtype))).toEqual(new Set(['F16']));
    expect(JSON.parse(readFileSync(join(report.outDir, 'config.json'), 'utf8'))).toMatchObject({ dtype: 'float16' });
  });
});

describe('inspectCheckpoint', () => {
  test('tells format, class, sizes and what is missing', async () => {
    expect(await inspectCheckpoint(`${FOLDER}/authors-flickr.th`)).toMatchObject({
      format: 'pytorch-legacy',
      layout: 'authors',
      architecture: 'VisualBertForRegionToPhraseAlignment',
      missing: [],
      traits: { hiddenSize: 4, numHiddenLayers: 1, vocabSize: 12, visualEmbeddingDim: 3, numLabels: null },
    });
    expect(await inspectCheckpoint(`${FOLDER}/plain-bert`)).toMatchObject({
      layout: 'bert',
      architecture: 'VisualBertForPreTraining',
    });
    const other = await inspectCheckpoint(`${FOLDER}/varied.bin`);
    expect(other).toMatchObject({ format: 'pytorch', layout: null, architecture: null, missing: [] });
    expect(other.tensors).toHaveLength(20);
  });
});
