// Converts records of other projects to own data: GQA, LXMERT's layout and Visual Genome become lines for answering, grounding, classification
// and pre-training.
import { posix } from 'node:path';
import { createSink } from '#platform';
import { writeWhole } from '../byte-sink.js';
import { DataError, ConfigError } from '../errors.js';
import { jsonMembers, type JsonRecord, jsonRecords } from '../formats/json.js';
import { asObject, idField, listField, numberField, textField } from './fields.js';
import { normaliseAnswer } from '../processing/answer-normalisation.js';

type Fields = Record<string, unknown>;

interface Format {
  describe: string;
  /** The task of the lines. */
  task: 'answering' | 'grounding' | 'classification' | 'pretraining';
  /** Yields records one by one: files of GQA and Visual Genome have up to a gigabyte. */
  read(path: string): AsyncIterable<JsonRecord>;
  /** The lines of one record; empty for an unusable one. */
  lines(fields: Fields, where: string): Fields[];
}

/** The supported layouts. */
export const FOREIGN_FORMATS = {
  gqa: {
    describe: 'GQA: { question id: { question, imageId, answer } }',
    task: 'answering',
    read: namedMembers,
    lines: (fields, where) => [
      {
        id: idField(fields, 'id', where),
        question: textField(fields, 'question', where),
        image: idField(fields, 'imageId', where),
        ...(fields['answer'] === undefined ? {} : { answers: { [textField(fields, 'answer', where)]: 1 } }),
      },
    ],
  },
  lxmert: {
    describe:
      "LXMERT's questions: [{ question_id, img_id, sent, label: { answer: score } }], and those among its pre-training sentences",
    task: 'answering',
    read: jsonRecords,
    lines: (fields, where) =>
      fields['sentf'] === undefined
        ? [lxmertQuestion(fields, idField(fields, 'question_id', where), fields['label'], where)]
        : sentencesOf(fields, where)
            .filter(({ label }) => label !== undefined)
            .map(({ id, sent, image, label }) => lxmertQuestion({ sent, img_id: image }, id, label, where)),
  },
  'lxmert-captions': {
    describe: "the captions among LXMERT's pre-training sentences: [{ img_id, sentf, labelf }]",
    task: 'pretraining',
    read: jsonRecords,
    lines: (fields, where) =>
      sentencesOf(fields, where)
        .filter(({ label }) => label === undefined)
        .map(({ sent, image }) => ({ image_id: image, caption: sent })),
  },
  'lxmert-matching': {
    describe: 'statements that fit a picture or not: [{ question_id, img_id, sent, ground: "True" }]',
    task: 'classification',
    read: jsonRecords,
    lines: (fields, where) => [
      {
        id: idField(fields, 'question_id', where),
        text: textField(fields, 'sent', where),
        image: idField(fields, 'img_id', where),
        label: textField(fields, 'ground', where),
      },
    ],
  },
  'hateful-memes': {
    describe:
      'Hateful Memes: lines of { id, img, text, label }; images are named by their file, img/42953.png is 42953',
    task: 'classification',
    read: jsonRecords,
    lines: (fields, where) => [
      {
        id: idField(fields, 'id', where),
        text: textField(fields, 'text', where),
        image: fileId(textField(fields, 'img', where)),
        ...(fields['label'] === undefined ? {} : { label: numberField(fields, 'label', where) }),
      },
    ],
  },
  'visual-genome-qa': {
    describe: "Visual Genome's questions: [{ id, qas: [{ qa_id, image_id, question, answer }] }]",
    task: 'answering',
    read: jsonRecords,
    lines: (fields, where) =>
      inner(fields, 'qas', where).map(({ fields: qa, where: at }) => {
        const answer = textField(qa, 'answer', at);
        return {
          id: idField(qa, 'qa_id', at),
          question: textField(qa, 'question', at),
          image: idField(qa, 'image_id', at),
          answers: { [normaliseAnswer(answer) || answer]: 1 }, // "Sailboats." becomes VQA 2.0's form
        };
      }),
  },
  'visual-genome-regions': {
    describe: "Visual Genome's regions: [{ regions: [{ region_id, image_id, phrase, x, y, width, height }] }]",
    task: 'grounding',
    read: jsonRecords,
    lines: (fields, where) =>
      inner(fields, 'regions', where).flatMap(({ fields: region, where: at }) => {
        const text = textField(region, 'phrase', at).trim();
        const [x = 0, y = 0, width = 0, height = 0] = ['x', 'y', 'width', 'height'].map((name) =>
          numberField(region, name, at),
        );
        if (text === '' || width <= 0 || height <= 0) return [];
        const words = [0, text.split(/\s+/).length - 1];
        const [id, image] = [idField(region, 'region_id', at), idField(region, 'image_id', at)];
        return [{ id, text, image, phrases: [{ words, boxes: [[x, y, x + width, y + height]] }] }];
      }),
  },
} as const satisfies Record<string, Format>;

/** Names of the formats that `convertRecords` reads. */
export type ForeignFormat = keyof typeof FOREIGN_FORMATS;

/**
 * Converts files of another project to lines of own data. Regions without words or area are left out.
 * @returns how many records were read and lines written.
 * @throws DataError naming the record that lacks a field, or when there are no lines.
 * @example
 * await convertRecords('gqa', ['gqa.json'], 'questions.jsonl'); // { records: 1, lines: 1 }
 */
export async function convertRecords(
  format: ForeignFormat,
  paths: readonly string[],
  output: string,
): Promise<{ records: number; lines: number }> {
  if (!Object.hasOwn(FOREIGN_FORMATS, format))
    throw new ConfigError(
      `convertRecords: expected one of ${Object.keys(FOREIGN_FORMATS).join(', ')}, received ${String(format)}`,
    );
  const { read, lines: linesOf } = FOREIGN_FORMATS[format] as Format;
  const written = { records: 0, lines: 0 };
  await writeWhole(await createSink(output), async (sink) => {
    for (const path of paths) {
      for await (const record of read(path)) {
        const lines = linesOf(asObject(record), record.where);
        written.records += 1;
        written.lines += lines.length;
        if (lines.length > 0)
          await sink.write(new TextEncoder().encode(lines.map((line) => `${JSON.stringify(line)}\n`).join('')));
      }
    }
    if (written.lines === 0)
      throw new DataError(`${paths.join(', ')}: expected records of ${format}, found none; check the format`);
  });
  return written;
}

/** The name of a picture's file without its folders and ending: the id under which extractors store its features. */
function fileId(path: string): string {
  return posix.parse(path).name;
}

/** The members of an object, with their names as `id`. */
async function* namedMembers(path: string): AsyncGenerator<JsonRecord> {
  for await (const { key, ...member } of jsonMembers(path))
    yield { value: { ...asObject(member), id: key }, where: member.where };
}

function inner(fields: Fields, key: string, where: string): { fields: Fields; where: string }[] {
  return listField(fields, key, where).map((value, i) => {
    const at = `${where}, ${key} ${i}`;
    return { fields: asObject({ value, where: at }), where: at };
  });
}

function lxmertQuestion(fields: Fields, id: string, label: unknown, where: string): Fields {
  return {
    id,
    question: textField(fields, 'sent', where),
    image: idField(fields, 'img_id', where),
    ...(label === undefined ? {} : { answers: asObject({ value: label, where: `${where}, label` }) }),
  };
}

/** The sentences of an image in LXMERT's pre-training files, by data set, with the answers of those that are questions. */
function sentencesOf(fields: Fields, where: string): { id: string; sent: unknown; image: string; label: unknown }[] {
  const image = idField(fields, 'img_id', where);
  const object = (key: string): Fields => asObject({ value: fields[key] ?? {}, where: `${where}, ${key}` });
  const labels = object('labelf');
  const sets = object('sentf');
  return Object.keys(sets).flatMap((set) =>
    listField(sets, set, where).map((sent, i) => {
      const label = labels[set] === undefined ? undefined : listField(labels, set, where)[i];
      return { id: `${image}-${set}-${i}`, sent, image, label };
    }),
  );
}
