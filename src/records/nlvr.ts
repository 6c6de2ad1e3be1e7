// NLVR and NLVR2 statements about pictures, in lil-lab's JSON lines and in LXMERT's JSON.
import { DataError } from '../errors.js';
import { type JsonRecord, readJsonRecords } from '../formats/json.js';
import { type NlvrScene, readScene, sceneKey } from './nlvr-scenes.js';
import { asObject, createIdCheck, idField, textField } from './fields.js';
import { requireKinds } from '../options.js';

/** A statement about one picture or a pair, and whether it is true (null: unknown, as in hidden test sets). */
export interface Statement {
  identifier: string;
  sentence: string;
  label: boolean | null;
  /** One image, or the left and the right one. */
  imageIds: readonly string[];
}

/** A statement of NLVR with its structured scene; null in files with only the picture's name. */
export interface SceneStatement extends Statement {
  scene: NlvrScene | null;
}

/**
 * Reads NLVR: lines of `{ sentence, label, identifier, structured_rep }`. Records without `structured_rep` name their picture in
 * `image_id` or `image`, else by their identifier.
 * @throws DataError naming the line.
 * @example
 * const [{ sentence, label, scene }] = await readNlvr('nlvr/dev.json');
 * scene[0]; // the left box: [{ type: 'square', color: 'Yellow', x: 10, y: 20, size: 20 }]
 * @see https://github.com/lil-lab/nlvr/tree/master/nlvr
 */
export async function readNlvr(path: string): Promise<SceneStatement[]> {
  const requireNew = createIdCheck('statement');
  return (await readJsonRecords(path)).map((record) => {
    const object = asObject(record);
    const { where } = record;
    const identifier = idField(object, 'identifier', where);
    requireNew(identifier, where);
    const scene = object['structured_rep'] === undefined ? null : readScene(object['structured_rep'], where);
    const named = ['image_id', 'image'].find((key) => object[key] !== undefined);
    return {
      identifier,
      sentence: textField(object, 'sentence', where),
      label: readLabel(object['label'], where),
      imageIds: [scene !== null || named === undefined ? identifier : idField(object, named, where)],
      scene,
    };
  });
}

/**
 * Reads NLVR2: lil-lab's lines (`sentence`, `label` "True", images named by the identifier) or LXMERT's array (`sent`, `label` 1, `img0`, `img1`).
 * @throws DataError naming the record.
 * @example
 * const [{ sentence, label, imageIds }] = await readNlvr2('nlvr2/dev.json');
 * imageIds; // ['dev-0-0-img0', 'dev-0-0-img1'], left and right
 * @see https://github.com/lil-lab/nlvr/tree/master/nlvr2
 */
export async function readNlvr2(path: string): Promise<Statement[]> {
  const requireNew = createIdCheck('statement');
  return (await readJsonRecords(path)).map((record) => {
    const statement = nlvr2Statement(record);
    requireNew(statement.identifier, record.where);
    return statement;
  });
}

function nlvr2Statement(record: JsonRecord): Statement {
  const object = asObject(record);
  const { where } = record;
  const identifier = idField(object, 'identifier', where);
  const label = readLabel(object['label'], where);
  if (object['sent'] !== undefined) {
    const imageIds = [idField(object, 'img0', where), idField(object, 'img1', where)];
    return { identifier, sentence: textField(object, 'sent', where), label, imageIds };
  }
  const pair = /^(.+-\d+-\d+)-\d+$/.exec(identifier)?.[1];
  if (pair === undefined) {
    throw new DataError(
      `${where}: expected an identifier such as dev-850-0-0 (split, set, pair, sentence), received ${identifier}`,
    );
  }
  return {
    identifier,
    sentence: textField(object, 'sentence', where),
    label,
    imageIds: [`${pair}-img0`, `${pair}-img1`],
  };
}

/** true, "True", "true" and 1 are true; absent is unknown. */
function readLabel(value: unknown, where: string): boolean | null {
  if (value === undefined || value === null) return null;
  const text = String(value).toLowerCase();
  if (text === 'true' || text === '1') return true;
  if (text === 'false' || text === '0') return false;
  throw new DataError(`${where}: expected the label true or false, received ${JSON.stringify(value)}`);
}

/**
 * The held-out statements that share neither their sentence nor their scene with a training one.
 * @example
 * const statement = { identifier: '12-0', sentence: 'There is a box.', label: true, imageIds: ['12-0'], scene: null };
 * withoutOverlap([statement], [{ ...statement, sentence: 'there is a box' }]); // []: case and punctuation do not count
 */
export function withoutOverlap(
  heldOut: readonly SceneStatement[],
  training: readonly SceneStatement[],
): SceneStatement[] {
  requireKinds('withoutOverlap', { 'a list': { heldOut, training } });
  const sentenceKey = ({ sentence }: Statement): string =>
    sentence
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, ' ')
      .trim();
  const sentences = new Set(training.map(sentenceKey));
  const scenes = new Set(training.flatMap(({ scene }) => (scene === null ? [] : [sceneKey(scene)])));
  return heldOut.filter(
    (one) => !sentences.has(sentenceKey(one)) && (one.scene === null || !scenes.has(sceneKey(one.scene))),
  );
}
