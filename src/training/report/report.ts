// The report of a run: one self-contained HTML file, made from the run folder.
import { basename, join, resolve } from 'node:path';
import { writeTextAtomic } from '#platform';
import { counted, flagText, kebab } from '../../words.js';
import { type Fragment, html } from '../../html/escape.js';
import { htmlPage } from '../../html/page.js';
import { duration } from '../log/progress.js';
import { charts } from './charts.js';
import { confusionTable } from './confusion.js';
import { evaluationTable } from './evaluation-table.js';
import { exampleCards, type PictureReader } from './example-cards.js';
import { REPORT_STYLE } from './report-style.js';
import { meanSpeed, readRunFacts, type RunFacts, type RunSettingsShown, secondsSpent } from './run-facts.js';
import { requirePath } from '../../options.js';

export const REPORT_FILE = 'report.html';

/**
 * Writes report.html into a run folder: model, data and time, curves, every evaluation, confusion, best and worst examples, settings.
 * @param readPicture reads the pictures of examples; default: none
 * @returns the path of the report
 * @throws DataError when the folder has no readable run.json
 * @example
 * const path = await writeReport('runs/vqa');
 */
export async function writeReport(runDir: string, readPicture: PictureReader = async () => null): Promise<string> {
  requirePath('writeReport', runDir);
  const run = await readRunFacts(runDir);
  const { notes, settings } = run;
  const title = `${settings.task}: ${basename(resolve(runDir))}`;
  const body = [
    html`<h1>${title}</h1>`,
    header(run),
    charts(run),
    evaluationTable(run),
    ...(notes === null
      ? []
      : [
          confusionTable(notes),
          await exampleCards('Worst examples: wrong with high confidence', notes.worst, readPicture),
          await exampleCards('Best examples', notes.best, readPicture),
        ]),
    settingsSection(settings),
  ];
  const path = join(runDir, REPORT_FILE);
  await writeTextAtomic(path, htmlPage({ title, body, style: REPORT_STYLE }));
  return path;
}

/** The settings as flags, and the environment of the run. */
function settingsSection({ task, model, modelConfig, data, arguments: given, ...rest }: RunSettingsShown): Fragment {
  const flags = Object.entries({ model, modelConfig, ...data, ...given }).flatMap(
    ([name, value]) => flagText(name, value) ?? [],
  );
  return html`<h2>Settings</h2>
    <pre>${[`visualbert train ${task}`, ...flags.map((flag) => `  ${flag}`)].join(' \\\n')}</pre>
    <pre>${JSON.stringify(rest, null, 2)}</pre>`;
}

/** Model, data, time and speed. */
function header(run: RunFacts): Fragment {
  const { settings, training, evaluations, best } = run;
  const last = [...training, ...evaluations].reduce<RunFacts['best']>(
    (latest, entry) => (latest === null || entry.step >= latest.step ? entry : latest),
    null,
  );
  const speed = meanSpeed(training);
  const spent = secondsSpent(run);
  const { model, data = {}, started, primaryMetric, environment = {} } = settings;
  const files = Object.entries(data).filter(([, value]) => typeof value === 'string' || Array.isArray(value));
  const facts: [name: string, value: Fragment][] = [
    ['model', model === undefined ? null : (model ?? 'fresh weights')],
    ...files.map(([name, value]): [string, Fragment] => [`--${kebab(name)}`, [value].flat().join(', ')]),
    ['started', started === undefined ? null : `${started.slice(0, 16).replace('T', ' ')} UTC`],
    ['updates', last === null ? 'none' : `${last.step}, ${counted(Number(last.epoch.toFixed(2)), 'epoch')}`],
    [
      'time',
      last === null
        ? null
        : `${duration(spent.updates + spent.evaluations)}: ${duration(spent.updates)} for updates, ${duration(spent.evaluations)} for evaluations`,
    ],
    ['mean speed', speed === null ? null : `${Number(speed.toPrecision(3))} examples per second`],
    ['memory', memoryOf(run)],
    ['engine', [environment['backend'], environment['precision']].filter((part) => part !== undefined).join(', ')],
    [
      'best',
      best === null || primaryMetric === undefined
        ? null
        : `step ${best.step}: ${primaryMetric} ${Number(Number(best[primaryMetric]).toFixed(4))}`,
    ],
  ];
  const rows = facts
    .filter(([, value]) => value !== null && value !== '')
    .map(
      ([name, value]) =>
        html`<dt>${name}</dt>
          <dd>${value}</dd>`,
    );
  return html`<dl>${rows}</dl>`;
}

function memoryOf({ training }: RunFacts): Fragment {
  const most = training.reduce((max, { memoryMb }) => Math.max(max, Number(memoryMb) || 0), 0);
  return most === 0 ? null : `${most} MB at most`;
}
