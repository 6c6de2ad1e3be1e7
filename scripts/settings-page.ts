// Generates docs/settings.md, the options and arguments of a run, from their schemas.
import { TASK_OPTIONS, TRAINING_ARGUMENTS } from '../src/node.js';
import { STEP_OPTIONS } from './flags/internal.js';
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
    '`TrainingArguments`.',
    '',
    ...table(describedOptions(TRAINING_ARGUMENTS)),
    '',
    'The options of `createTrainingStep` have the same names. These have other defaults, or no flag:',
    '',
    ...table(describedOptions(ownStepOptions()), ['name', 'default', 'meaning']),
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

/** The options of a training step that differ from the arguments of a run. */
function ownStepOptions(): Shape {
  const ofRun: Shape = TRAINING_ARGUMENTS;
  return Object.fromEntries(Object.entries(STEP_OPTIONS).filter(([name, schema]) => ofRun[name] !== schema));
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

/** The cells of an option by the column. */
const CELLS = {
  flag: ({ flag }: OptionDescription) => `\`--${flag}\``,
  name: ({ name }: OptionDescription) => `\`${name}\``,
  default: ({ fallback, isRequired }: OptionDescription) =>
    isRequired ? 'required' : fallback === undefined ? '' : `\`${fallback}\``,
  meaning: ({ meaning }: OptionDescription) =>
    meaning.replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll('{', '&#123;'),
};
type Column = keyof typeof CELLS;

function table(
  options: readonly OptionDescription[],
  columns: readonly Column[] = ['flag', 'name', 'default', 'meaning'],
): string[] {
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const rule = `|${columns.map(() => '---|').join('')}`;
  return [row(columns), rule, ...options.map((option) => row(columns.map((column) => CELLS[column](option))))];
}
