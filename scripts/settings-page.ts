// Generates docs/settings.md, the options and arguments of a run, from their schemas.
import { TASK_OPTIONS, TRAINING_ARGUMENTS } from '../src/node.js';
import { describedOptions, type OptionDescription, type Shape } from './flags/settings.js';

/** The page as Markdown. `node tools/write-settings-page.mjs` writes it; a test compares it. */
export function settingsPage(): string {
  const parts = [
    '# Options and arguments',
    '',
    'All options and arguments of `visualbert train`: the flag, and the name in a `--config` file and in code. This page is generated from the',
    'schemas that check them (`node tools/write-settings-page.mjs`).',
    '',
    '## Training',
    '',
    '`TrainingArguments`. The options of `createTrainingStep` have the same names but other defaults: `weightDecay` and `warmupSteps` are 0,',
    '`maxGradNorm` is none for `adamw`, and `schedule` is constant without `totalSteps`.',
    '',
    ...table(describedOptions(TRAINING_ARGUMENTS)),
  ];
  const common = commonOptions();
  parts.push('', '## Data of every task', '', ...table(common));
  const names = new Set(common.map(({ name }) => name));
  for (const [tasks, shape] of shapesByTasks()) {
    const own = describedOptions(shape).filter(({ name }) => !names.has(name));
    parts.push('', `## Data of ${tasks.map((task) => `\`${task}\``).join(', ')}`, '', ...table(own));
  }
  return `${parts.join('\n')}\n`;
}

/** Options that every task has with the same meaning. */
function commonOptions(): OptionDescription[] {
  const [first, ...rest] = Object.values(TASK_OPTIONS).map(({ shape }): Shape => shape);
  const shared = Object.entries(first ?? {}).filter(([name, schema]) => rest.every((shape) => shape[name] === schema));
  return describedOptions(Object.fromEntries(shared));
}

/** Groups tasks with the same options. */
function shapesByTasks(): [tasks: string[], shape: Shape][] {
  const groups = new Map<object, [string[], Shape]>();
  for (const [task, schema] of Object.entries(TASK_OPTIONS)) {
    const group = groups.get(schema);
    if (group === undefined) groups.set(schema, [[task], schema.shape]);
    else group[0].push(task);
  }
  return [...groups.values()];
}

function table(options: readonly OptionDescription[]): string[] {
  const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll('{', '&#123;');
  return [
    '| flag | name | default | meaning |',
    '|---|---|---|---|',
    ...options.map(
      ({ flag, name, fallback, isRequired, meaning }) =>
        `| \`--${flag}\` | \`${name}\` | ${isRequired ? 'required' : fallback === undefined ? '' : `\`${fallback}\``} | ${cell(meaning)} |`,
    ),
  ];
}
