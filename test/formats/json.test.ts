// Records of JSON files, parsed one by one, so that a large file is never parsed whole.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { jsonMembers, jsonRecords } from '../../src/formats/json.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

const path = join(temporaryFolder(), 'cut.json');

test.each([
  ['an object', '{"7": {"answer": "yes"}, "8": {"ans', jsonMembers, { key: '7', where: `${path}, member 7` }],
  ['a list', '[{"answer": "yes"}, {"ans', jsonRecords, { where: `${path}, record 0` }],
  ['lines', '{"answer": "yes"}\n{"ans', jsonRecords, { where: `${path}, line 1` }],
])('parses %s no further than it is read', async (_, text, read, first) => {
  writeFileSync(path, text);
  const records = read(path);
  expect(await records.next()).toEqual({ done: false, value: { ...first, value: { answer: 'yes' } } });
  await expect(records.next()).rejects.toThrow(path);
});
