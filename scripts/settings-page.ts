// docs/settings.md: every setting of a run, made from the schemas that check them.
import { TASK_OPTIONS, TRAINING_ARGUMENTS } from '../src/node.js';
import { describedOptions, type OptionDescription, type Shape } from './flags/settings.js';

/** The page as Markdown. `node tools/write-settings-page.mjs` writes it; a test compares it. */
export function settingsPage(): string {
  const parts = [
    '# Settings',
    '',
    'Every setting of `visualbert train`: as a flag, as a name in the file that `--config` names, and in code. This page is made from the',
    'schemas that check them (`node tools/write-settings-page.mjs`).',
    '',
    '## Training',
    '',
    '`TrainingArguments`; the options of `createTrainingStep` have the same names, and follow no recipe unless asked to: there `weightDecay` and',
    '`warmupSteps` are 0, `maxGradNorm` is none for `adamw`, and `schedule` is constant where no `totalSteps` is given.',
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

/** Tasks with the same options stand together. */
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
        `| \`--${flag}\` | \`${name}\` | ${isRequired ? 'needed' : fallback === undefined ? '' : `\`${fallback}\``} | ${cell(meaning)} |`,
    ),
  ];
}
