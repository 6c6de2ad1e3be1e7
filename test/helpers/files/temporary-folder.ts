// Temporary folders that remove themselves.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach } from '@jest/globals';

const ofFile: string[] = [];
const ofTest: string[] = [];
let isInTest = false;

beforeEach(() => {
  isInTest = true;
});
afterEach(() => {
  isInTest = false;
  removeAll(ofTest);
});
afterAll(() => removeAll(ofFile));

/** Creates an empty folder: one made in a test or its hooks is removed after the test, any other after the tests of the file. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'test-'));
  (isInTest ? ofTest : ofFile).push(folder);
  return folder;
}

function removeAll(folders: string[]): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}
