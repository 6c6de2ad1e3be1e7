// NLVR2: statements about a pair of photographs, both in one sequence, distinguished by their visual type.
import { readNlvr2 } from '../../records/nlvr.js';
import { readAll, readSplits } from '../shared/datasets.js';
import type { OpenedTask, TaskContext } from '../shared/opened-task.js';
import type { Nlvr2Options } from '../shared/options.js';
import { openStatements, type StatementExample } from './statements.js';

/** Opens NLVR2 data. @throws DataError naming a statement whose pictures have no features. */
export async function openNlvr2(options: Nlvr2Options, context: TaskContext): Promise<OpenedTask<StatementExample>> {
  const splits = await readSplits((paths) => readAll(paths, readNlvr2), options.data, options.validationData);
  return openStatements('nlvr2', splits, options.features, options, context);
}
