// Questions about pictures: the choice of the detector, and its warnings.
import { cpSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { VCR_FEATURE_EXTRACTOR } from '../../src/features/detector-identity.js';
import { HubError } from '../../src/errors.js';
import { setLogger } from '../../src/logger.js';
import { pixelFeatureDim, pixelFeatures } from '../../src/features/pixels.js';
import { readPicture } from '../../src/pictures/decode.js';
import { pipeline } from '../../src/pipelines/pipeline.js';
import { publishedCheckpoint } from '../../src/config/published-checkpoints.js';
import { openQuestion } from '../../src/runs/ask.js';
import { RegionDetector } from '../../src/vision/region-detector.js';
import { findDetector } from '../../src/vision/weights/find.js';
import { useBackend } from '../helpers/backend.js';
import { writeCheckpoint } from '../helpers/models/pipeline-models.js';
import { writeDetector, writePicture } from '../helpers/models/small-detector.js';
import { hubSnapshot } from '../helpers/files/hub-cache.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

const root = temporaryFolder();
const inRoot = (name: string): string => join(root, name);
const cache = process.env['VISUALBERT_CACHE'];
const warnings: string[] = [];
const picture = writePicture(inRoot('photo.png'), 90, 60);
const WIDTH = 20;

beforeAll(async () => {
  await useBackend();
  setLogger({ info: () => undefined, warn: (message) => warnings.push(message) });
  const id2label = { 0: 'yes', 1: 'no', 2: 'red' };
  const config = { id2label, visualEmbeddingDim: WIDTH };
  renameSync(
    await writeCheckpoint('VisualBertForQuestionAnswering', { task: 'vqa', config }),
    inRoot('visualbert-vqa'),
  );
  cpSync(inRoot('visualbert-vqa'), inRoot('own'), { recursive: true });
  process.env['VISUALBERT_CACHE'] = inRoot('cache');
  await writeDetector(inRoot('cache/detectors/mmf-x101'), 'mmf-x101');
  await writeDetector(inRoot('coco'), 'coco-r101-fpn');
  await writeDetector(inRoot('unnamed'), 'mmf-x101', null);
});
afterAll(() => {
  setLogger(null);
  if (cache === undefined) delete process.env['VISUALBERT_CACHE'];
  else process.env['VISUALBERT_CACHE'] = cache;
});

const question = { pictures: [picture], text: 'What color is the dog?', compile: false };

describe('openQuestion', () => {
  test('takes the detector that the checkpoint was trained with, and answers as the pipeline does given its regions', async () => {
    const opened = await openQuestion({ ...question, model: inRoot('visualbert-vqa') });
    expect(opened).toMatchObject({
      detector: { name: 'mmf-x101', weights: expect.stringMatching(/^[0-9a-f]{64}$/) },
      trainedWith: { name: 'mmf-x101' },
      isInDistribution: true,
    });
    const { input } = opened;
    if (input.task !== 'visual-question-answering') throw new Error(`unexpected task ${input.task}`);
    const answers = await input.pipeline(input.input);
    const detector = await RegionDetector.fromPretrained(inRoot('cache/detectors/mmf-x101'));
    const [regions] = await detector.detect([picture]);
    if (regions === undefined) throw new Error('expected regions');
    expect(await input.pipeline({ question: question.text, regions })).toEqual(answers);
    expect(warnings).toEqual([]);
    await detector.dispose();
    await opened.close();
  });

  test('warns of words that the vocabulary does not have', async () => {
    const opened = await openQuestion({ ...question, model: inRoot('visualbert-vqa'), text: 'What is the fox?' });
    expect(warnings.splice(0)).toEqual([
      expect.stringContaining('visualbert-vqa: its vocabulary does not have "fox"; '),
    ]);
    await opened.close();
  });

  test('warns if the detector is another one or unknown', async () => {
    const other = await openQuestion({ ...question, model: inRoot('visualbert-vqa'), detector: inRoot('coco') });
    expect(other).toMatchObject({ detector: { name: 'coco-r101-fpn' }, isInDistribution: false });
    expect(warnings.splice(0)).toEqual([
      expect.stringMatching(/^detector: regions of coco-r101-fpn, .* trained with those of mmf-x101\./),
    ]);
    await other.close();
    const nameless = await openQuestion({ ...question, model: inRoot('visualbert-vqa'), detector: inRoot('unnamed') });
    expect(nameless).toMatchObject({ detector: { name: null }, isInDistribution: false }); // its settings are narrow
    expect(warnings.splice(0)).toEqual([
      expect.stringMatching(/^detector: regions of a detector without a name, .* trained with those of mmf-x101\./),
    ]);
    await nameless.close();
    const unknown = await openQuestion({ ...question, model: inRoot('own'), detector: inRoot('unnamed') });
    expect(unknown).toMatchObject({ detector: { name: null }, trainedWith: null, isInDistribution: null });
    await unknown.close();
    expect(warnings).toEqual([]);
    await expect(openQuestion({ ...question, model: inRoot('own') })).rejects.toThrow(
      'the detector that it was trained with is unknown',
    );
  });

  test('uses the detector identity in a run, and distinguishes weights of one name', async () => {
    const settings = join(inRoot('own'), 'processor_config.json');
    const saved = JSON.parse(readFileSync(settings, 'utf8')) as object;
    writeFileSync(settings, JSON.stringify({ ...saved, detector: { name: 'mmf-x101', weights: 'f'.repeat(64) } }));
    const opened = await openQuestion({ ...question, model: inRoot('own') });
    expect(opened).toMatchObject({ trainedWith: { weights: 'f'.repeat(64) }, isInDistribution: false });
    await opened.close();
    writeFileSync(settings, JSON.stringify(saved));
  });

  test('of a checkpoint that learnt boxes by their pixels describes what the detector finds so, and does not warn', async () => {
    const pixels = { cells: 2, look: 'colors' } as const;
    const config = { id2label: { 0: 'yes', 1: 'no', 2: 'red' }, visualEmbeddingDim: pixelFeatureDim(pixels) };
    const model = await writeCheckpoint('VisualBertForQuestionAnswering', { task: 'vqa', config });
    const settings = join(model, 'processor_config.json');
    const saved = JSON.parse(readFileSync(settings, 'utf8')) as object;
    writeFileSync(settings, JSON.stringify({ ...saved, detector: { name: null, pixels } }));
    const opened = await openQuestion({ ...question, model, detector: inRoot('unnamed') });
    expect(opened).toMatchObject({
      detector: { name: null, weights: expect.stringMatching(/^[0-9a-f]{64}$/), pixels },
      isInDistribution: null,
    });
    const { input } = opened;
    if (input.task !== 'visual-question-answering') throw new Error(`unexpected task ${input.task}`);
    const answers = await input.pipeline(input.input);
    const detector = await RegionDetector.fromPretrained(inRoot('unnamed'));
    const image = await readPicture(picture);
    const [found] = await detector.detect([image]);
    const all = Array.from({ length: found?.count ?? 0 }, (_, i) => [...(found?.boxes ?? []).slice(4 * i, 4 * i + 4)]);
    const boxes = all.filter(([x1 = 0, y1 = 0, x2 = 0, y2 = 0]) => x1 < x2 && y1 < y2);
    expect([all.length > boxes.length, boxes.length > 1]).toEqual([true, true]); // this one has boxes without a pixel too
    const regions = pixelFeatures(image, boxes, pixels);
    expect(await input.pipeline({ question: question.text, regions })).toEqual(answers);
    expect(warnings).toEqual([]);
    await detector.dispose();
    await opened.close();
    await expect(openQuestion({ ...question, model })).rejects.toThrow(
      'was trained with given boxes, with pixel features (colors, 2 x 2 cells); give the folder of a detector that finds such boxes (--detector)',
    );
    const loaded = await RegionDetector.fromPretrained(inRoot('unnamed'));
    await expect(pipeline('visual-question-answering', model, { detector: loaded })).rejects.toThrow(
      /from a detector without a name; .*pixelDetector\(detector, \{ cells: 2, look: 'colors' \}\)/,
    );
    await loaded.dispose();
    writeFileSync(settings, JSON.stringify({ ...saved, detector: { name: null, weights: 'e'.repeat(64) } }));
    await expect(openQuestion({ ...question, model })).rejects.toThrow(
      'was trained with a detector with the weights eeeeeeee, whose folder is unknown; give it (--detector)',
    );
  });

  test('says without the network what it needs, and how copies are given, not which optional file is missing', async () => {
    const offline = process.env['HF_HUB_OFFLINE'];
    process.env['HF_HUB_OFFLINE'] = '1';
    process.env['HF_HUB_CACHE'] = inRoot('empty');
    const error: unknown = await openQuestion(question).catch((reason: unknown) => reason);
    if (offline === undefined) delete process.env['HF_HUB_OFFLINE'];
    else process.env['HF_HUB_OFFLINE'] = offline;
    delete process.env['HF_HUB_CACHE'];
    expect(error).toBeInstanceOf(HubError);
    expect((error as Error).message).toMatch(
      /^uclanlp\/visualbert-vqa: not a folder; .* Without the network a question needs copies of: the model, .* \(--model FOLDER\); its list of answers, https:\S+answers_vqa\.txt \(--answers FILE\); the detector mmf-x101, .* \(--detector FOLDER\)$/,
    );
    expect((error as Error).message).not.toContain('processor_config.json');
  });

  test('checks the name of the detector before anything is fetched', async () => {
    const options = { ...question, model: inRoot('absent'), detector: 'mmf-x1' };
    await expect(openQuestion(options)).rejects.toThrow(/^mmf-x1: expected the name of a detector \(vg-r101-c4, /);
  });

  test('with a VCR checkpoint reports that it needs other features', async () => {
    cpSync(inRoot('own'), inRoot('visualbert-vcr'), { recursive: true });
    await expect(openQuestion({ ...question, model: inRoot('visualbert-vcr') })).rejects.toThrow(
      'visualbert features vcr',
    );
  });
});

test('published checkpoints are known by their ids and by copies with their names', () => {
  expect(publishedCheckpoint('uclanlp/visualbert-nlvr2-coco-pre')?.detector).toBe('detectron1-r101-fpn');
  expect(publishedCheckpoint('models/visualbert-vqa/')?.answers).toMatch(/answers_vqa\.txt$/);
  expect(publishedCheckpoint('C:\\models\\visualbert-vcr')?.detector).toBe(VCR_FEATURE_EXTRACTOR);
  expect(publishedCheckpoint('runs/vqa')).toBeNull();
  expect(publishedCheckpoint('constructor')).toBeNull();
});

describe('findDetector', () => {
  test('takes a folder, else a name whose weights are in the cache', async () => {
    expect(await findDetector(inRoot('coco'))).toBe(inRoot('coco'));
    expect(await findDetector('mmf-x101')).toBe(inRoot('cache/detectors/mmf-x101'));
  });

  test('takes the files of a converted detector in a repository of the hub', async () => {
    const cacheDir = inRoot('hub');
    const snapshot = hubSnapshot(cacheDir, 'someone/detector');
    cpSync(inRoot('unnamed'), snapshot, { recursive: true });
    const options = { cacheDir, localFilesOnly: true };
    expect(await findDetector('someone/detector', options)).toBe(snapshot);
    rmSync(join(snapshot, 'model.safetensors'));
    await expect(findDetector('someone/detector', options)).rejects.toThrow(
      'someone/detector: expected a repository with the files of a converted detector, found no model.safetensors; for the weights',
    );
    await expect(findDetector('someone/else', options)).rejects.toThrow(
      'someone/else: not a folder; as a repository of the hub: ',
    );
  });

  test('names the source of weights that cannot be downloaded, and how to provide them', async () => {
    for (const where of [
      'vg-r101-c4',
      'unc-nlp/frcnn-vg-finetuned',
      'https://nlp.cs.unc.edu/models/faster_rcnn_from_caffe_attr.pkl',
    ])
      await expect(findDetector(where, { localFilesOnly: true })).rejects.toThrow(
        /^detector vg-r101-c4: its weights are not in .*vg-r101-c4 and could not be downloaded \(unc-nlp\/frcnn-vg-finetuned: .*; https:\S+faster_rcnn_from_caffe_attr\.pkl: .*download one of these files; then `visualbert convert FILE FOLDER --detector vg-r101-c4`/,
      );
    const thrown = await findDetector('mmf-x152', { localFilesOnly: true }).catch((error: Error) => error.message);
    expect(thrown).toMatch(/download this file; then/);
    expect(String(thrown).split('detectron_model_x152.pth')).toHaveLength(2); // once
    for (const where of [picture, 'https://example.org/model.pth'])
      await expect(findDetector(where)).rejects.toThrow(
        `a folder or repository with one; write a folder from this file with \`visualbert convert ${where} FOLDER`,
      );
    for (const text of ['absent', 'no/such/folder'])
      await expect(findDetector(text)).rejects.toThrow('expected the name of a detector (vg-r101-c4, ');
  });
});
