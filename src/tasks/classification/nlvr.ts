// NLVR: human-written statements about scenes of three boxes, from the structured scenes or from pictures.
import { readNlvr, type SceneStatement } from '../../records/nlvr.js';
import { type NlvrScene, sceneRegions } from '../../records/nlvr-scenes.js';
import { openedWith, type RegionFeatureSource } from '../../features/region-features.js';
import { memorySource } from '../../features/wrappers.js';
import { DataError } from '../../errors.js';
import type { OpenedTask, TaskContext } from '../shared/opened-task.js';
import type { NlvrOptions } from '../shared/options.js';
import { classificationTask } from './classification-task.js';
import { STATEMENT_CLASSES, type StatementExample, statementJudge, statementRecord } from './statements.js';
import { taskProcessor, taskRegions } from '../shared/task-parts.js';

/** Opens NLVR data. @throws DataError when a statement has neither a scene nor features. */
export async function openNlvr(options: NlvrOptions, context: TaskContext): Promise<OpenedTask<StatementExample>> {
  const statements = await readAll(options.data);
  const validation = options.validationData === undefined ? null : await readAll(options.validationData);
  const processor = await taskProcessor('nlvr', options, context, () => statements.map(({ sentence }) => sentence));
  return openedWith(
    await taskRegions(options.features ?? sceneSource([...statements, ...(validation ?? [])]), options, context),
    (source) =>
      classificationTask({
        name: 'nlvr',
        classes: STATEMENT_CLASSES,
        records: statements.map(statementRecord),
        validation: validation?.map(statementRecord) ?? null,
        processor,
        source,
        context,
        judge: statementJudge(false),
      }),
  );
}

async function readAll(paths: readonly string[]): Promise<SceneStatement[]> {
  return (await Promise.all(paths.map(readNlvr))).flat();
}

function sceneSource(statements: readonly SceneStatement[]): RegionFeatureSource {
  const scenes = new Map<string, NlvrScene>();
  for (const { identifier, scene } of statements) {
    if (scene === null) {
      throw new DataError(
        `statement ${identifier} has no structured_rep; give the region features of its picture (--features)`,
      );
    }
    const known = scenes.get(identifier);
    if (known !== undefined && JSON.stringify(known) !== JSON.stringify(scene)) {
      throw new DataError(`statement ${identifier} occurs with two different scenes; rename one of the two`);
    }
    scenes.set(identifier, scene);
  }
  return memorySource(
    'structured scenes',
    Array.from(scenes, ([identifier, scene]) => [identifier, sceneRegions(scene)] as const),
  );
}
