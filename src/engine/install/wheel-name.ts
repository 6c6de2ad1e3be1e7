// Names of wheel files: which of them fit a machine.
// https://packaging.python.org/en/latest/specifications/binary-distribution-format/
import type { Wheel } from './wheel-table.js';

/** Python version of the wheel; no Python of it is run. */
const PYTHON_TAG = 'cp312';

/** Whether a file is the wheel, for one of its platform tags. */
export function isWheelFor(fileName: string, wheel: Wheel): boolean {
  const parts = fileName.endsWith('.whl') ? fileName.slice(0, -'.whl'.length).split('-') : [];
  if (parts.length !== 5 && parts.length !== 6) return false; // 6 with a build number
  const [name = '', version] = parts;
  const [pythons = [], abis = [], platforms = []] = parts.slice(-3).map((tags) => tags.split('.'));
  const isVersion = version === wheel.version;
  const isPython = pythons.includes(PYTHON_TAG) || pythons.includes('py3');
  const isAbi = abis.includes(PYTHON_TAG) || abis.includes('none');
  return (
    normalName(name) === normalName(wheel.name) &&
    isVersion &&
    isPython &&
    isAbi &&
    platforms.some((tag) => wheel.tags.includes(tag))
  );
}

/** A project's name as indexes normalize it: lower case, each run of `-`, `_` and `.` becomes one hyphen. */
export function normalName(name: string): string {
  return name.toLowerCase().replace(/[-_.]+/g, '-');
}
