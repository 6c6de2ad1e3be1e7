// The report of a run: one HTML file that needs nothing else, made from what the run folder holds.
import { readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { writeTextAtomic } from '#platform';
import { escapeHtml, lineChart, type Series } from '../../html/line-chart.js';
import { type NotesSummary } from './example-notes.js';
import { type MetricsEntry, readMetrics } from '../log/metrics-log.js';
import { duration } from '../log/progress.js';
import { METRICS_FILE } from '../log/run-log.js';
import { type ExampleNote, type NotedImage } from '../task.js';

export const REPORT_FILE = 'report.html';
export const EXAMPLES_FILE = 'examples.json';

/** A picture's pixels as a data URL; null when there are none to show. */
export type PictureReader = (imageId: string) => Promise<string | null>;

/** Names of charts whose figures are called otherwise in metrics.jsonl. */
const TRAINING_CHARTS = {
  learningRate: 'learning rate',
  gradientNorm: 'gradient norm',
  examplesPerSecond: 'examples per second',
  memoryMb: 'memory in MB',
};
const NOT_FIGURES = new Set(['event', 'step', 'epoch', 'seconds']);
/** Classes of the largest confusion table. */
const CONFUSION_CLASSES = 20;

/** Writes report.html into a run folder: curves, figures of the best evaluation, confusion, best and worst examples, settings. */
export async function writeReport(runDir: string, readPicture: PictureReader = async () => null): Promise<string> {
  const entries = await readMetrics(join(runDir, METRICS_FILE));
  const run = JSON.parse(await readFile(join(runDir, 'run.json'), 'utf8')) as Record<string, unknown>;
  const notes = await readNotes(join(runDir, EXAMPLES_FILE));
  const title = `${String(run['task'])}: ${basename(resolve(runDir))}`;
  const sections = [
    `<h1>${escapeHtml(title)}</h1>`,
    summary(entries),
    `<section class="charts">${charts(entries)}</section>`,
    scores(entries),
    ...(notes === null
      ? []
      : [
          confusion(notes),
          await examples('Worst examples: wrong and sure', notes.worst, readPicture),
          await examples('Best examples', notes.best, readPicture),
        ]),
    `<h2>Settings</h2><pre>${escapeHtml(JSON.stringify(run, null, 2))}</pre>`,
  ];
  const path = join(runDir, REPORT_FILE);
  await writeTextAtomic(path, page(title, sections.join('\n')));
  return path;
}

async function readNotes(path: string): Promise<NotesSummary | null> {
  const text = await readFile(path, 'utf8').catch(() => null);
  return text === null ? null : (JSON.parse(text) as NotesSummary);
}

function summary(entries: readonly MetricsEntry[]): string {
  const last = entries.at(-1);
  if (last === undefined) return '<p>No update was made.</p>';
  const pace = entries.findLast(({ event }) => event === 'train');
  const facts = [
    `${last.step} updates, ${Number(last.epoch.toFixed(2))} epochs`,
    ...(pace === undefined
      ? []
      : [`${pace['examplesPerSecond']} examples per second`, `${pace['memoryMb']} MB of memory`]),
  ];
  return `<p>${facts.map(escapeHtml).join(' · ')}</p>`;
}

function charts(entries: readonly MetricsEntry[]): string {
  const line = (event: string, name: string): Series => ({
    name: event === 'train' ? 'training' : 'validation',
    points: entries.flatMap((entry) =>
      entry.event === event && name in entry ? [[entry.step, Number(entry[name])] as const] : [],
    ),
  });
  const names = (event: string): string[] => [
    ...new Set(
      entries
        .filter((entry) => entry.event === event)
        .flatMap((entry) => Object.keys(entry).filter((key) => !NOT_FIGURES.has(key))),
    ),
  ];
  const own = names('evaluate').filter((name) => name !== 'loss');
  const [single, detailed] = [own.filter((name) => !name.includes(' ')), own.filter((name) => name.includes(' '))];
  return [
    lineChart('loss', [line('train', 'loss'), line('evaluate', 'loss')]),
    ...single.map((name) => lineChart(name, [line('evaluate', name)])),
    lineChart(
      detailed.length === 1 ? String(detailed[0]) : 'further figures',
      detailed.slice(0, 8).map((name) => ({ ...line('evaluate', name), name })),
    ),
    ...Object.entries(TRAINING_CHARTS).map(([name, title]) => lineChart(title, [line('train', name)])),
  ].join('');
}

function scores(entries: readonly MetricsEntry[]): string {
  const evaluations = entries.filter(({ event }) => event === 'evaluate');
  const last = evaluations.at(-1);
  if (last === undefined) return '';
  const names = Object.keys(last).filter((key) => !NOT_FIGURES.has(key));
  const shown = evaluations.slice(-10);
  const head = shown.map(({ step }) => `<th>step ${step}</th>`).join('');
  const rows = names.map(
    (name) =>
      `<tr><th>${escapeHtml(name)}</th>${shown.map((entry) => `<td>${figure(entry[name])}</td>`).join('')}</tr>`,
  );
  const took = shown.map(({ seconds }) => `<td>${duration(Number(seconds))}</td>`).join('');
  return `<h2>Evaluations</h2><div class="wide"><table><tr><th></th>${head}</tr>${rows.join('')}<tr><th>time</th>${took}</tr></table></div>`;
}

function figure(value: number | string | undefined): string {
  return typeof value === 'number' ? String(Number(value.toFixed(4))) : escapeHtml(String(value ?? ''));
}

function confusion({ confusion: pairs }: NotesSummary): string {
  const frequency = new Map<string, number>();
  for (const { expected, predicted, count } of pairs) {
    for (const answer of new Set([expected, predicted])) frequency.set(answer, (frequency.get(answer) ?? 0) + count);
  }
  const classes = [...frequency]
    .sort((a, b) => b[1] - a[1])
    .slice(0, CONFUSION_CLASSES)
    .map(([answer]) => answer);
  const counts = new Map(pairs.map(({ expected, predicted, count }) => [`${expected}\0${predicted}`, count]));
  const totals = new Map<string, number>();
  for (const { expected, count } of pairs) totals.set(expected, (totals.get(expected) ?? 0) + count);
  const cell = (expected: string, predicted: string): string => {
    const count = counts.get(`${expected}\0${predicted}`) ?? 0;
    const share = count / Math.max(1, totals.get(expected) ?? 0); // of the row, so that rare answers are seen as well
    const color = expected === predicted ? '5, 150, 105' : '220, 38, 38';
    return `<td style="background: rgba(${color}, ${(0.7 * share).toFixed(2)})">${count || ''}</td>`;
  };
  const head = classes.map((answer) => `<th class="turned"><span>${escapeHtml(answer)}</span></th>`).join('');
  const rows = classes.map(
    (expected) =>
      `<tr><th>${escapeHtml(expected)}</th>${classes.map((predicted) => cell(expected, predicted)).join('')}</tr>`,
  );
  return `<h2>Confusion</h2><p>Rows: expected; columns: predicted; the ${classes.length} most frequent answers, shaded by their share of the row.</p><div class="wide"><table class="confusion"><tr><th></th>${head}</tr>${rows.join('')}</table></div>`;
}

async function examples(title: string, notes: readonly ExampleNote[], readPicture: PictureReader): Promise<string> {
  if (notes.length === 0) return '';
  const cards = await Promise.all(
    notes.map(async ({ id, text, expected, predicted, scores: answers, images = [], correct }) => {
      const pictures = await Promise.all(images.map((image) => picture(image, readPicture)));
      const bars = answers.map(
        ([answer, probability]) =>
          `<div class="bar"><span style="width:${Math.round(100 * probability)}%"></span><b>${escapeHtml(answer)}</b><i>${Math.round(100 * probability)}%</i></div>`,
      );
      const verdict = correct >= 0.5 ? 'right' : `expected ${expected}`;
      return `<article><div class="pictures">${pictures.join('')}</div><p><b>${escapeHtml(text)}</b><br>${escapeHtml(predicted)} (${escapeHtml(verdict)})</p>${bars.join('')}<small>${escapeHtml(id)}</small></article>`;
    }),
  );
  const hasPlaces = notes.some(({ images = [] }) => images.some(({ expectedBoxes = [] }) => expectedBoxes.length > 0));
  return `<h2>${escapeHtml(title)}</h2>${hasPlaces ? BOX_LEGEND : ''}<section class="examples">${cards.join('')}</section>`;
}

async function picture(noted: NotedImage, readPicture: PictureReader): Promise<string> {
  const { id, width, height, boxes = [], expectedBoxes = [], predictedBoxes = [] } = noted;
  const pixels = await readPicture(id);
  const all = [...boxes, ...expectedBoxes, ...predictedBoxes];
  if (pixels === null && all.length === 0) return '';
  const [w, h] = [
    width ?? Math.max(...all.map(([, , x = 1]) => x)),
    height ?? Math.max(...all.map(([, , , y = 1]) => y)),
  ];
  const image = pixels === null ? '' : `<image href="${pixels}" width="${w}" height="${h}"/>`;
  const stroke = Math.max(w, h) / 300;
  const frames = (kind: string, shown: readonly (readonly number[])[], thickness: number): string =>
    shown.length === 0 ? '' : `<g class="${kind}" stroke-width="${thickness}">${shown.map(frame).join('')}</g>`;
  const groups = [
    frames(boxes.length > MANY_BOXES ? 'boxes many' : 'boxes', boxes, stroke),
    frames('expected', expectedBoxes, 3 * stroke),
    frames('predicted', predictedBoxes, 2 * stroke),
  ];
  return `<svg viewBox="0 0 ${w} ${h}" class="picture">${image}${groups.join('')}</svg>`;
}

function frame([x1 = 0, y1 = 0, x2 = 0, y2 = 0]: readonly number[]): string {
  return `<rect x="${x1}" y="${y1}" width="${x2 - x1}" height="${y2 - y1}"/>`;
}

/** Boxes from which on they are drawn faintly: a grid of patches would hide its picture. */
const MANY_BOXES = 20;

const BOX_LEGEND =
  '<p class="legend"><span><i style="background:#10b981"></i>expected</span><span><i style="background:#ef4444"></i>predicted</span></p>';

const STYLE = `
:root { color-scheme: light dark; --ink: #1f2937; --faint: #6b7280; --line: #e5e7eb; --soft: #f3f4f6; --bar: #bfdbfe; --paper: #ffffff; }
@media (prefers-color-scheme: dark) { :root { --ink: #e5e7eb; --faint: #9ca3af; --line: #374151; --soft: #1f2937; --bar: #1e40af; --paper: #111827; } }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1120px; margin: 2em auto; padding: 0 1em; color: var(--ink); background: var(--paper); overflow-wrap: anywhere; }
figure { margin: 0; min-width: 0; } figcaption { font-weight: 600; } svg { width: 100%; height: auto; display: block; } svg text { font-size: 12px; fill: var(--faint); } .grid { stroke: var(--line); }
.charts, .examples { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(340px, 100%), 1fr)); gap: 1.2em; }
.examples { grid-template-columns: repeat(auto-fill, minmax(min(220px, 100%), 1fr)); } article { border: 1px solid var(--line); border-radius: 8px; padding: .7em; min-width: 0; }
.pictures { display: flex; gap: 4px; } .picture { flex: 1; min-width: 0; max-height: 20em; background: var(--soft); } rect { fill: none; }
.boxes { stroke: #f59e0b; } .many { opacity: .3; } .expected { stroke: #10b981; } .predicted { stroke: #ef4444; stroke-dasharray: 4 2; }
.legend span { display: inline-block; margin-right: 1em; } .legend i { display: inline-block; width: 12px; height: 3px; margin-right: 5px; vertical-align: middle; }
.wide { overflow-x: auto; } table { border-collapse: collapse; overflow-wrap: normal; } td, th { padding: 2px 8px; text-align: right; border-bottom: 1px solid var(--line); } th:first-child { text-align: left; }
.turned { height: 7em; vertical-align: bottom; } .turned span { writing-mode: vertical-rl; transform: rotate(180deg); white-space: nowrap; max-height: 12em; overflow: hidden; text-overflow: ellipsis; } .confusion td { text-align: center; min-width: 2em; }
.bar { position: relative; display: flex; justify-content: space-between; gap: 1em; padding: 0 4px; margin-bottom: 2px; font-size: 13px; isolation: isolate; } .bar b { font-weight: 400; } .bar i { font-style: normal; white-space: nowrap; } .bar span { position: absolute; inset: 0 auto 0 0; background: var(--bar); border-radius: 3px; z-index: -1; }
pre { background: var(--soft); padding: 1em; overflow: auto; } small { color: var(--faint); }
`;

function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${escapeHtml(title)}</title><style>${STYLE}</style></head><body>
${body}
</body></html>
`;
}
