// Two thousand damaged annotation files of each layout: no crash, no hang, no other error than one that names the file.
import { gzipSync } from 'node:zlib';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { scoreFlickrFile, scoreNlvr2File, scoreVcrFiles, scoreVqaFile } from '../../../src/metrics/score-files.js';
import { readCaptions } from '../../../src/records/captions.js';
import { readFlickrEntities } from '../../../src/records/flickr.js';
import { convertRecords, FOREIGN_FORMATS, type ForeignFormat } from '../../../src/records/foreign.js';
import { readNlvr, readNlvr2 } from '../../../src/records/nlvr.js';
import { guessOwnTask, OWN_EXAMPLES, OWN_TASKS, ownDataStats } from '../../../src/records/own-statistics.js';
import { readVcr } from '../../../src/records/vcr.js';
import { readVcrImages, readVcrMetadata } from '../../../src/records/vcr-images.js';
import { readVqaAnnotations, readVqaQuestions, readVqaResults } from '../../../src/records/vqa.js';
import { readVqaExamples } from '../../../src/records/vqa-examples.js';
import { fuzzFiles, type Sample } from '../../helpers/fuzz/fuzz.js';
import { slowCount } from '../../helpers/slow-share.js';

const CASES = slowCount(2000);

const text = (value: unknown): Uint8Array => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
const lines = (...values: unknown[]): Uint8Array => text(values.map((value) => JSON.stringify(value)).join('\n'));

const questions = { questions: [{ question_id: 1, image_id: 9, question: 'What?' }, { question_id: 2, image_id: 10, question: 'Is it?' }] }; // prettier-ignore
const answers = ['yes', 'no', 'yes'].map((answer, i) => ({ answer, answer_id: i }));
const annotations = { annotations: [1, 2].map((id) => ({ question_id: id, answers, question_type: 'is', answer_type: 'yes/no' })) }; // prettier-ignore
const scene = [[{ type: 'square', color: 'Black', x_loc: 1, y_loc: 2, size: 10 }], [], []];
const nlvr = { identifier: 'dev-1-0-0', sentence: 'There is a box.', label: 'True' };
const vcr = {
  ...{ annot_id: 'a-1', img_id: 'i-1', img_fn: 'a/1.jpg', metadata_fn: 'a/1.json', objects: ['person', 'dog'] },
  ...{ question: ['Who', 'is', [0], '?'], answer_choices: Array(4).fill([[0], 'is', 'here']), rationale_choices: Array(4).fill([[1]]) }, // prettier-ignore
  ...{ answer_label: 1, rationale_label: 2 },
};
const four = [0.1, 0.2, 0.3, 0.4];
const sentences = text('[/EN#1/people A man] walks [/EN#2/animals a dog] .\n');
const boxes = text('<annotation><object><name>1</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>30</xmax><ymax>40</ymax></bndbox></object></annotation>'); // prettier-ignore
const foreign: Record<ForeignFormat, unknown> = {
  gqa: { 1: { question: 'Who?', imageId: '9', answer: 'a man' } },
  lxmert: [{ question_id: 1, img_id: '9', sent: 'Who?', label: { man: 1 } }],
  'lxmert-captions': [{ img_id: '9', sentf: { mscoco: ['A man.'] }, labelf: {} }],
  'lxmert-matching': [{ question_id: 1, img_id: '9', sent: 'A man.', ground: 'True' }],
  'hateful-memes': { id: 1, img: 'img/1.png', text: 'a', label: 0 },
  'visual-genome-qa': [{ id: 1, qas: [{ qa_id: 1, image_id: 9, question: 'Who?', answer: 'A man.' }] }],
  'visual-genome-regions': [{ regions: [{ region_id: 1, image_id: 9, phrase: 'a man', x: 1, y: 2, width: 3, height: 4 }] }], // prettier-ignore
};

/** A layout: its files, and what reads the damaged one. */
const LAYOUTS: Record<string, { samples: Sample[]; read: (path: string, folder: string) => Promise<unknown> }> = {
  'vqa questions': {
    samples: [{ path: 'q.json', bytes: text(questions) }, { path: 'q.json', bytes: gzipSync(text(questions)) }, { path: 'q.json', bytes: text([['What?', 'red', 1]]) }], // prettier-ignore
    read: async (path) => [await readVqaExamples([path], undefined), await readVqaQuestions(path)],
  },
  'vqa annotations': { samples: [{ path: 'a.json', bytes: text(annotations) }], read: readVqaAnnotations },
  'vqa results': {
    samples: [{ path: 'r.json', bytes: text([{ question_id: 1, answer: 'yes' }, { question_id: 2, answer: 'no' }]), beside: { 'a.json': text(annotations) } }], // prettier-ignore
    read: async (path, folder) => [await readVqaResults(path), await scoreVqaFile(path, join(folder, 'a.json'))],
  },
  nlvr: { samples: [{ path: 'n.json', bytes: lines({ ...nlvr, structured_rep: scene }) }], read: readNlvr },
  nlvr2: { samples: [{ path: 'n.json', bytes: lines(nlvr) }, { path: 'n.json', bytes: text([{ ...nlvr, sent: 'a', img0: 'x', img1: 'y', label: 1 }]) }], read: readNlvr2 }, // prettier-ignore
  'nlvr2 predictions': {
    samples: [{ path: 'p.csv', bytes: text('dev-1-0-0,True\n'), beside: { 'n.json': lines(nlvr) } }],
    read: (path, folder) => scoreNlvr2File(path, join(folder, 'n.json')),
  },
  vcr: { samples: [{ path: 'v.jsonl', bytes: lines(vcr) }], read: async (path, folder) => [await readVcr(path), await readVcrImages([path], folder)] }, // prettier-ignore
  'vcr metadata': {
    samples: [
      {
        path: 'm.json',
        bytes: text({
          boxes: [[1, 2, 3, 4, 0.9]],
          segms: [
            [
              [
                [1, 2],
                [3, 4],
              ],
            ],
          ],
        }),
      },
    ],
    read: (path) => readVcrMetadata({ id: 'x', picture: 'x', metadata: path, objects: ['dog'] }),
  },
  'vcr predictions': {
    samples: [{ path: 'p.jsonl', bytes: lines({ annot_id: 'a-1', answers: four }, { annot_id: 'a-1', rationales: { 1: four } }), beside: { 'v.jsonl': lines(vcr) } }], // prettier-ignore
    read: (path, folder) => scoreVcrFiles([path], { data: join(folder, 'v.jsonl') }),
  },
  flickr: {
    samples: [
      { path: 'Sentences/1.txt', bytes: sentences, beside: { 'Annotations/1.xml': boxes, 'test.txt': text('1\n') } },
      { path: 'Annotations/1.xml', bytes: boxes, beside: { 'Sentences/1.txt': sentences, 'test.txt': text('1\n') } },
    ],
    read: (_, folder) => readFlickrEntities(folder, join(folder, 'test.txt')),
  },
  'flickr predictions': {
    samples: [{ path: 'p.jsonl', bytes: lines({ id: '1#0', phrase: 0, boxes: [[1, 2, 30, 40]] }), beside: { 'Sentences/1.txt': sentences, 'Annotations/1.xml': boxes, 'test.txt': text('1\n') } }], // prettier-ignore
    read: (path, folder) => scoreFlickrFile(path, { entities: folder, split: join(folder, 'test.txt') }),
  },
  captions: { samples: [{ path: 'c.json', bytes: text({ annotations: [{ image_id: 1, caption: 'A man.' }] }) }], read: readCaptions }, // prettier-ignore
  own: {
    samples: OWN_TASKS.map((task) => ({ path: 'o.jsonl', bytes: lines(...OWN_EXAMPLES[task]) })),
    read: async (path) => ownDataStats(path, await guessOwnTask(path), null),
  },
  ...Object.fromEntries(
    (Object.keys(FOREIGN_FORMATS) as ForeignFormat[]).map((format) => [
      `foreign ${format}`,
      { samples: [{ path: 'f.json', bytes: text(foreign[format]) }], read: (path, folder) => convertRecords(format, [path], join(folder, 'out.jsonl')) }, // prettier-ignore
    ]),
  ),
};

describe(`${CASES} damaged files are read or refused, never anything else`, () => {
  test.each(Object.keys(LAYOUTS))('%s', async (layout) => {
    const { samples, read } = LAYOUTS[layout] as (typeof LAYOUTS)[string];
    const outcome = await fuzzFiles(samples, 1, CASES, async (path, folder, attempt) => void (await attempt(() => read(join(folder, path), folder)))); // prettier-ignore
    expect(outcome.read + outcome.refused).toBe(CASES);
    expect(outcome.refused).toBeGreaterThan(0);
  });
});
