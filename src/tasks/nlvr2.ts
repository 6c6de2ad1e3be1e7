// NLVR2: statements about a pair of photographs, both in one sequence, told apart by their visual type.
import { readNlvr2 } from '../data/nlvr-records.js';
import type { OpenedTask, TaskContext } from './opened-task.js';
import type { Nlvr2Options } from './options.js';
import { type StatementExample, statementTask } from './statements.js';
import { taskProcessor, taskRegions } from './task-parts.js';

/** Opens NLVR2 data. @throws DataError naming a statement whose pictures have no features. */
export async function openNlvr2(options: Nlvr2Options, context: TaskContext): Promise<OpenedTask<StatementExample>> {
  const statements = (await Promise.all(options.data.map(readNlvr2))).flat();
  const validation =
    options.validationData === undefined ? null : (await Promise.all(options.validationData.map(readNlvr2))).flat();
  const source = await taskRegions(options.features, options, context);
  const processor = await taskProcessor('nlvr2', options, context, () => statements.map(({ sentence }) => sentence));
  return statementTask({ name: 'nlvr2', statements, validation, processor, source, context });
}
