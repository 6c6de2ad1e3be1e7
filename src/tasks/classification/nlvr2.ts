// NLVR2: statements about a pair of photographs, both in one sequence, distinguished by their visual type.
import { openedWith } from '../../features/region-features.js';
import { readNlvr2 } from '../../records/nlvr.js';
import { mapSplits, readAll, readSplits } from '../shared/datasets.js';
import type { OpenedTask, TaskContext } from '../shared/opened-task.js';
import type { Nlvr2Options } from '../shared/options.js';
import { taskProcessor } from '../shared/processor.js';
import { taskRegions } from '../shared/regions.js';
import { classificationTask } from './classification-task.js';
import { STATEMENT_CLASSES, type StatementExample, statementJudge, statementRecords } from './statements.js';

/** Opens NLVR2 data. @throws DataError naming a statement whose pictures have no features. */
export async function openNlvr2(options: Nlvr2Options, context: TaskContext): Promise<OpenedTask<StatementExample>> {
  const splits = await readSplits((paths) => readAll(paths, readNlvr2), options.data, options.validationData);
  const texts = (): string[] => splits.records.map(({ sentence }) => sentence);
  const processor = await taskProcessor('nlvr2', options, context, texts);
  return openedWith(await taskRegions(options.features, options, context), (source) =>
    classificationTask({
      name: 'nlvr2',
      classes: STATEMENT_CLASSES,
      hasGivenClasses: true,
      ...mapSplits(splits, statementRecords),
      processor,
      source,
      context,
      judge: statementJudge(true),
    }),
  );
}
