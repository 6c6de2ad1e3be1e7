// NLVR2: statements about a pair of photographs, both in one sequence, told apart by their visual type.
import { openedWith } from '../../features/region-features.js';
import { readNlvr2 } from '../../records/nlvr.js';
import type { OpenedTask, TaskContext } from '../shared/opened-task.js';
import type { Nlvr2Options } from '../shared/options.js';
import { classificationTask } from './classification-task.js';
import { STATEMENT_CLASSES, type StatementExample, statementJudge, statementRecord } from './statements.js';
import { taskProcessor, taskRegions } from '../shared/task-parts.js';

/** Opens NLVR2 data. @throws DataError naming a statement whose pictures have no features. */
export async function openNlvr2(options: Nlvr2Options, context: TaskContext): Promise<OpenedTask<StatementExample>> {
  const statements = (await Promise.all(options.data.map(readNlvr2))).flat();
  const validation =
    options.validationData === undefined ? null : (await Promise.all(options.validationData.map(readNlvr2))).flat();
  const processor = await taskProcessor('nlvr2', options, context, () => statements.map(({ sentence }) => sentence));
  return openedWith(await taskRegions(options.features, options, context), (source) =>
    classificationTask({
      name: 'nlvr2',
      classes: STATEMENT_CLASSES,
      records: statements.map(statementRecord),
      validation: validation?.map(statementRecord) ?? null,
      processor,
      source,
      context,
      judge: statementJudge(true),
    }),
  );
}
