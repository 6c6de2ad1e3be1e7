// Every command with --json, run on small data: standard output is one JSON document and nothing else.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, jest, test } from '@jest/globals';
import { COMMANDS } from '../../scripts/commands.js';
import { prepareBackend } from '../../src/engine/select-backend.js';
import { TASK_NAMES } from '../../src/node.js';
import { useBackend } from '../helpers/backend.js';
import { npy, writeFeatureFolder } from '../helpers/files/numpy-files.js';
import { writeCheckpoint } from '../helpers/models/pipeline-models.js';
import { writeDetector, writePicture } from '../helpers/models/small-detector.js';
import { COMMAND, type Finished, visualbert } from '../helpers/command-line/command.js';
import { writeNlvrFiles } from '../helpers/command-line/nlvr-files.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

const isBuilt = existsSync(COMMAND);
if (!isBuilt) process.stderr.write(`skipped: ${COMMAND} is not built (npm run build)\n`);
const HAS_ENGINE = (await prepareBackend()).backend === 'tensorflow';

const root = temporaryFolder();
const at = (name: string): string => join(root, name);
const file = (name: string, content: unknown): string => {
  writeFileSync(at(name), typeof content === 'string' ? content : JSON.stringify(content));
  return at(name);
};

const CPU = ['--backend', 'cpu'];
const [VCR, TINY] = [join('test', 'fixtures', 'vcr'), join('test', 'fixtures', 'checkpoints', 'tiny-vqa')];
const explained = (name: string): string[] => [
  ...[...CPU, '--model', join('test', 'fixtures', 'explanations', name)],
  ...['--features', at('regions'), '--image', name],
];

/** Writes the regions of a fixture's image. */
function writeRegions(name: string): void {
  const path = join('test', 'fixtures', 'explanations', name, 'expected.json');
  const [regions = []] = (JSON.parse(readFileSync(path, 'utf8')) as { regions: number[][][] }).regions;
  writeFileSync(join(at('regions'), `${name}.npy`), npy(regions.flat(), [regions.length, regions[0]?.length ?? 0]));
}

const nlvr = writeNlvrFiles();
let questionModel = '';
const run = at('run');
const TRAINING = [
  ...['--model-config', nlvr.modelConfig, '--data', nlvr.train, '--validation-data', nlvr.validation],
  ...['--batch-size', '4', '--max-steps', '2', '--output-dir', run],
];
const annotation = { question_id: 1, question_type: 'what', answer_type: 'other' };
const words = [['a'], ['b'], ['c'], ['d']];
const choices = { answer_choices: words, rationale_choices: words, answer_label: 0, rationale_label: 0 };

/** The words behind a command, and a field of what it prints. Later ones use what earlier ones wrote. */
const CASES: readonly [command: string, args: () => string[], field: string][] = [
  ['train nlvr', () => [...CPU, ...TRAINING], 'plan'],
  ['evaluate', () => [...CPU, '--run', run], 'metrics'],
  ['predict', () => [...CPU, '--run', run, '--data', nlvr.validation, '--output', at('predictions.csv')], 'count'],
  ['score nlvr2', () => [file('p.csv', 'dev-1-0-0,True\n'), '--data', at('dev.json')], 'accuracy'],
  ['score vqa', () => [file('r.json', [{ question_id: 1, answer: 'a' }]), '--annotations', at('a.json')], 'overall'],
  ['score vcr', () => [file('v.jsonl', { annot_id: 'v', answers: [1, 0, 0, 0] }), '--data', at('val.jsonl')], 'Q->A'],
  [
    'score flickr',
    () => [file('b.jsonl', { id: '7#0', phrase: 0, boxes: [[1, 1, 9, 9]] }), '--entities', root, '--split', at('7')],
    'R@1',
  ],
  ['data check', () => [at('data.jsonl')], 'problems'],
  ['data stats', () => [at('data.jsonl'), '--features', at('features')], 'records'],
  ['data convert', () => [at('gqa.json'), '--from', 'gqa', '--output', at('gqa.jsonl')], 'lines'],
  ['features inspect', () => [at('features')], 'images'],
  ['features pack', () => [at('features'), '--shard', '1/2', '--output', at('1.vbf')], 'output'],
  ['features pack', () => [at('features'), '--shard', '2/2', '--output', at('2.vbf')], 'output'],
  ['merge', () => [at('1.vbf'), at('2.vbf'), '--output', at('all.vbf')], 'images'],
  ['features convert', () => [at('all.vbf'), '--output', at('npy')], 'output'],
  [
    'features extract',
    () => [...CPU, at('photos'), '--detector', at('detector'), '--output', at('photos.vbf')],
    'images',
  ],
  ['features draw', () => [at('photos.vbf'), '--pictures', at('photos'), '--output', at('drawn.png')], 'boxes'],
  [
    'features vcr',
    () => [
      ...[...CPU, '--data', join(VCR, 'val.jsonl'), '--images', VCR],
      ...['--detector', join(VCR, 'detector.safetensors'), '--output', at('vcr.vbf')],
    ],
    'output',
  ],
  [
    'ask',
    () => [...CPU, at('photos/1.png'), 'What is it?', '--model', questionModel, '--detector', at('detector')],
    'answers',
  ],
  ['explain', () => [...explained('qa'), '--question', 'A bp, c?'], 'words'],
  ['ground', () => [...explained('grounding'), '--sentence', 'a bp c ds e', '--phrase', 'a bp'], 'phrases'],
  ['convert', () => [TINY, at('converted')], 'converted'],
  ['inspect', () => [TINY], 'tensors'],
  ['engine info', () => [], 'tensorflow'],
  ['engine remove', () => [], 'removed'],
  ['doctor', () => [], 'backends'],
];
/** Commands that the list above leaves to a test of their own. */
const APART = ['serve', 'engine install'];

test('is asked of every command', () => {
  const leaves = Object.entries(COMMANDS).flatMap(([name, below]) =>
    below.length === 0 || below === TASK_NAMES ? [name] : below.map((one) => `${name} ${one}`),
  );
  const asked = [...CASES.map(([command]) => command.replace(/^(train) .*/, '$1')), ...APART];
  expect(leaves.filter((command) => !asked.includes(command))).toEqual([]);
});

(isBuilt ? describe : describe.skip)('--json', () => {
  jest.setTimeout(120_000); // a process each, on machines that may be busy

  beforeAll(async () => {
    ['regions', 'photos', 'Sentences', 'Annotations'].forEach((name) => mkdirSync(at(name)));
    writeFeatureFolder(at('features'), ['1', '2', '3'], 2, 3);
    ['qa', 'grounding'].forEach(writeRegions);
    writePicture(at('photos/1.png'), 90, 60);
    file('data.jsonl', { text: 'a dog', image: '1', label: 'yes' });
    file('gqa.json', { 1: { question: 'Is it red?', imageId: '2', answer: 'yes' } });
    file('dev.json', { identifier: 'dev-1-0-0', sentence: 's', label: 'True' });
    const answers = Array.from({ length: 10 }, (_, i) => ({ answer: 'a', answer_confidence: 'yes', answer_id: i + 1 }));
    file('a.json', { annotations: [{ ...annotation, answers }] });
    file('val.jsonl', { annot_id: 'v', img_id: 'v', objects: [], question: ['Why', '?'], ...choices });
    file('7', '7\n');
    file('Sentences/7.txt', '[/EN#1/people A man] sits .\n');
    const box = '<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox>';
    file('Annotations/7.xml', `<annotation><object><name>1</name>${box}</object></annotation>`);
    await useBackend();
    await writeDetector(at('detector'), 'mmf-x101');
    const config = { visualEmbeddingDim: 20, id2label: { 0: 'yes', 1: 'no' } };
    questionModel = await writeCheckpoint('VisualBertForQuestionAnswering', { task: 'vqa', config });
  });

  const parsed = ({ code, stdout, stderr }: Finished, command: string): Record<string, unknown> => {
    // `doctor` ends with 1 where a machine lacks something.
    expect([command, code === 0 || command === 'doctor' ? '' : stderr]).toEqual([command, '']);
    return JSON.parse(stdout) as Record<string, unknown>;
  };

  test.each(CASES)('visualbert %s', async (command, args, field) => {
    const cache = process.env['VISUALBERT_CACHE'];
    if (command === 'engine remove') process.env['VISUALBERT_CACHE'] = at('cache'); // not the engine of the tests
    const finished = await visualbert([...command.split(' '), ...args(), '--json']);
    if (cache === undefined) delete process.env['VISUALBERT_CACHE'];
    else process.env['VISUALBERT_CACHE'] = cache;
    expect(parsed(finished, command)).toHaveProperty([field]);
  });

  (HAS_ENGINE ? test : test.skip)('visualbert engine install', async () => {
    const found = await visualbert(['engine', 'install', '--if-missing', '--json']);
    expect(parsed(found, 'engine install')).toMatchObject({ changed: false });
  });

  test('visualbert serve', async () => {
    const model = join('test', 'fixtures', 'explanations', 'qa');
    const args = ['serve', ...CPU, '--model', model, '--port', '0', '--json', '--log-level', 'silent'];
    const finished = await visualbert(args, '}\n', (child) => child.kill('SIGTERM'));
    expect(JSON.parse(finished.stdout)).toMatchObject({ task: 'visual-question-answering' });
  });
});
