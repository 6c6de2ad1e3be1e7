// NLVR: human-written statements about scenes of three boxes, from the structured scenes or from pictures.
import { readNlvr, type SceneStatement } from '../../records/nlvr.js';
import { type NlvrScene, sceneRegions } from '../../records/nlvr-scenes.js';
import type { RegionFeatureSource } from '../../features/region-features.js';
import { memorySource } from '../../features/wrappers.js';
import { DataError } from '../../errors.js';
import { readAll, readSplits } from '../shared/datasets.js';
import type { OpenedTask, TaskContext } from '../shared/opened-task.js';
import type { NlvrOptions } from '../shared/options.js';
import { openStatements, type StatementExample } from './statements.js';

/** Opens NLVR data. @throws DataError when a statement has neither a scene nor features. */
export async function openNlvr(options: NlvrOptions, context: TaskContext): Promise<OpenedTask<StatementExample>> {
  const splits = await readSplits((paths) => readAll(paths, readNlvr), options.data, options.validationData);
  const features = options.features ?? sceneSource([...splits.records, ...(splits.validation ?? [])]);
  return openStatements('nlvr', splits, features, options, context);
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
