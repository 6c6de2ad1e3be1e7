// Annotation and result files of each data set in the current folder, for the examples of docstrings.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

const lines = (...records: object[]): string => records.map((record) => `${JSON.stringify(record)}\n`).join('');

const square = { type: 'square', color: 'Yellow', x_loc: 10, y_loc: 20, size: 20 };
const scene = { identifier: '12-0', sentence: 'There is a yellow square.', label: 'true' };
const answers = Array.from({ length: 10 }, (_, i) => ({ answer: i < 9 ? 'red' : 'dark red', answer_id: i + 1 }));
const annotated = { question_id: 42001, image_id: 42, question_type: 'what color is the', answer_type: 'other' };
const box = '<bndbox><xmin>20</xmin><ymin>5</ymin><xmax>32</xmax><ymax>30</ymax></bndbox>';

/** Texts by path. Pictures of phrases are `1`, as in `features.vbf` of the test. */
const FILES: Readonly<Record<string, string>> = {
  'questions.json': JSON.stringify({
    questions: [{ question_id: 42001, image_id: 42, question: 'What color is the bus?' }],
  }),
  'annotations.json': JSON.stringify({ annotations: [{ ...annotated, multiple_choice_answer: 'red', answers }] }),
  'result.json': JSON.stringify([{ question_id: 42001, answer: 'red' }]),
  'easy-vqa/questions.json': JSON.stringify([['what shape is in the image?', 'circle', 0]]),
  'gqa.json': JSON.stringify({ 17: { question: 'Is it red?', imageId: '42', answer: 'yes' } }),
  'captions.json': JSON.stringify({ annotations: [{ image_id: 42, caption: 'A red bus.' }] }),
  'nlvr/dev.json': lines({ ...scene, structured_rep: [[square], [], []] }),
  'nlvr2/dev.json': lines({ identifier: 'dev-0-0-0', sentence: 'Both are dogs.', label: 'True' }),
  'predictions.csv': 'dev-0-0-0,True\n',
  'answers.jsonl': lines({ annot_id: 'val-0', answers: [0.1, 0.7, 0.1, 0.1] }),
  'rationales.jsonl': lines({ annot_id: 'val-0', rationales: { 1: [0.7, 0.1, 0.1, 0.1] } }),
  'flickr30k_entities/Sentences/1.txt': '[/EN#1/animals A small dog] near [/EN#2/other a ball] .\n',
  'flickr30k_entities/Annotations/1.xml': `<annotation><object><name>1</name>${box}</object></annotation>`,
  'test.txt': '1\n',
  'runs/nlvr2/run.json': JSON.stringify({
    task: 'nlvr2',
    model: 'uclanlp/visualbert-nlvr2',
    data: { data: ['nlvr2/dev.json'] },
    arguments: { outputDir: 'runs/nlvr2' },
  }),
  'boxes.jsonl': lines({ id: '1#0', phrase: 0, boxes: [[20, 5, 32, 30]] }),
};

/** Writes the files. */
export function writeExampleRecords(): void {
  for (const [path, text] of Object.entries(FILES)) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
}
