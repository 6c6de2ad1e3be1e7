// What `data check` prints of a file's problems: a few lines of each kind, with the number of those that are alike.
import { counted, type OwnTaskName, type RecordProblem } from '../../src/node.js';

/** Lines of one kind that are printed. */
const SHOWN = 3;

/** A problem without the values of its record, which tell lines of one kind apart. */
function kindOf({ problem }: RecordProblem): string {
  return problem.replace(/received .*$/s, '').replace(/\bimage \S+/g, 'image');
}

/** A line for each problem; of many alike the first few, and how many more there are. @param before `warning: ` or nothing. */
export function problemLines(problems: readonly RecordProblem[], before = ''): string[] {
  const kinds = new Map<string, RecordProblem[]>();
  for (const one of problems) {
    const alike = kinds.get(kindOf(one));
    if (alike === undefined) kinds.set(kindOf(one), [one]);
    else alike.push(one);
  }
  return [...kinds.values()].flatMap((alike) => {
    // One line instead of one line more would be no shorter.
    const shown = alike.length > SHOWN + 1 ? alike.slice(0, SHOWN) : alike;
    const lines = shown.map(({ where, problem }) => `${before}${where}: ${problem}`);
    const more = alike.length - shown.length;
    return more === 0 ? lines : [...lines, `${before}and ${more} more of this kind (--json lists all)`];
  });
}

/** The last line: what was checked and how much is wrong. */
export function checkSummary({
  task,
  records,
  problems,
  warnings,
}: { task: OwnTaskName; records: number } & Record<'problems' | 'warnings', readonly RecordProblem[]>): string {
  const nothing = warnings.length === 0 ? 'nothing wrong' : 'no problems';
  const wrong = problems.length === 0 ? nothing : counted(problems.length, 'problem');
  const suspicious = warnings.length === 0 ? '' : `, ${counted(warnings.length, 'warning')}`;
  return `${counted(records, `${task} record`)}, ${wrong}${suspicious}`;
}
