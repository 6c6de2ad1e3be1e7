// Formats the problems of a file for `data check`: a few lines of each kind, and the number of the others.
import { counted, type OwnTaskName, type RecordProblem } from '../../src/node.js';
import { printable } from '../flags/internal.js';

/** Number of lines of one kind that are printed. */
const SHOWN = 3;

/** The kind of a problem: its text without the values of its record. */
function kindOf({ problem }: RecordProblem): string {
  return problem.replace(/received .*$/s, '').replace(/\bimage \S+/g, 'image');
}

/** A line for each problem; for many of one kind the first few and the number of the others. @param before `warning: ` or nothing. */
export function problemLines(problems: readonly RecordProblem[], before = ''): string[] {
  const kinds = new Map<string, RecordProblem[]>();
  for (const one of problems) {
    const alike = kinds.get(kindOf(one));
    if (alike === undefined) kinds.set(kindOf(one), [one]);
    else alike.push(one);
  }
  return [...kinds.values()].flatMap((alike) => {
    // "and 1 more" would be as long as the line that it replaces.
    const shown = alike.length > SHOWN + 1 ? alike.slice(0, SHOWN) : alike;
    const lines = shown.map(({ where, problem }) => printable(`${before}${where}: ${problem}`));
    const more = alike.length - shown.length;
    return more === 0 ? lines : [...lines, `${before}and ${more} more of this kind (--json lists all)`];
  });
}

/** The last line: the number of records, problems and warnings. */
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
