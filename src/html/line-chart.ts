// Line charts as SVG.
import { type Fragment, html, type Markup } from './escape.js';
import { requireKinds } from '../options.js';

/** One line of a chart. */
export interface Series {
  name: string;
  points: readonly (readonly [x: number, y: number])[];
}

/** Options of `lineChart`. */
export interface ChartOptions {
  /** Label of the x axis. Default `step`. */
  xLabel?: string;
  /** A value of x to mark with a labelled line. */
  mark?: { x: number; label: string } | undefined;
}

const WIDTH = 520;
const HEIGHT = 220;
const MARGIN = { left: 56, right: 20, top: 12, bottom: 26 };
const COLORS = ['#2563eb', '#dc2626', '#059669', '#9333ea', '#d97706', '#0891b2', '#be185d', '#4d7c0f'];
/** Approximate number of labels along an axis. */
const TICKS = 5;
/** Lines with more points are drawn without dots. */
const DOTTED_POINTS = 60;
/** Values that differ by less than this share of their size count as constant: the axis must not magnify the difference. */
const CONSTANT_SHARE = 0.02;
/** Margin of the axis on both sides of a constant, as a share of its size. */
const CONSTANT_MARGIN = 0.05;

/**
 * A chart with its series over one x axis; points that are not finite are left out. Empty when none is left.
 * @example
 * const chart = lineChart('loss', [{ name: 'training', points: [[1, 0.9], [2, 0.7], [3, 0.6]] }]);
 * const page = htmlPage({ title: 'Run', body: chart });
 */
export function lineChart(title: string, series: readonly Series[], options: ChartOptions = {}): Markup {
  requireKinds('lineChart', { 'a text': { title }, 'a list': { series }, 'an object': { options } });
  const { xLabel = 'step', mark } = options;
  const shown = series
    .map(({ name, points }) => ({ name, points: points.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y)) }))
    .filter(({ points }) => points.length > 0);
  const all = shown.flatMap(({ points }) => points);
  if (all.length === 0) return html``;
  const [x0, x1] = extent(all.map(([x]) => x));
  const [y0, y1] = heights(all.map(([, y]) => y));
  const left = (x: number): number => MARGIN.left + ((x - x0) / (x1 - x0)) * (WIDTH - MARGIN.left - MARGIN.right);
  const top = (y: number): number =>
    HEIGHT - MARGIN.bottom - ((y - y0) / (y1 - y0)) * (HEIGHT - MARGIN.top - MARGIN.bottom);
  const [low, high] = bounds(all.map(([, y]) => y));
  const marked = low === high ? [low] : roundValues(y0, y1); // a constant has one value, not a span
  const rows = marked.map(
    (y) =>
      html`<line
          x1="${MARGIN.left}"
          x2="${WIDTH - MARGIN.right}"
          y1="${at(top(y))}"
          y2="${at(top(y))}"
          class="grid"
        /><text x="${MARGIN.left - 6}" y="${at(top(y) + 4)}" text-anchor="end">${short(y)}</text>`,
  );
  const columns = roundValues(x0, x1).map(
    (x) => html`<text x="${at(left(x))}" y="${HEIGHT - 8}" text-anchor="middle">${short(x)}</text>`,
  );
  const lines = shown.map(({ name, points }, i) => {
    const color = colorOf(i);
    const path = points.map(([x, y], j) => `${j === 0 ? 'M' : 'L'}${at(left(x))} ${at(top(y))}`).join('');
    const dots = points.map(([x, y]) => html`<circle cx="${at(left(x))}" cy="${at(top(y))}" r="2" fill="${color}" />`);
    return html`<path d="${path}" fill="none" stroke="${color}" stroke-width="1.5"><title>${name}</title></path
      >${points.length > DOTTED_POINTS ? null : dots}`;
  });
  const isMarked = mark !== undefined && mark.x >= x0 && mark.x <= x1;
  const drawing = [rows, columns, isMarked ? markLine(left(mark.x), mark.label) : null, lines];
  return html`<figure>
    <figcaption>${title} by ${xLabel}</figcaption>
    <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" class="chart" role="img" aria-label="${title}">${drawing}</svg
    >${shown.length > 1 ? legend(shown.map(({ name }) => name)) : null}
  </figure>`;
}

/** A vertical line, labelled above the curves on the wider side. */
function markLine(x: number, label: string): Markup {
  const isLeft = x > WIDTH / 2;
  return html`<line x1="${at(x)}" x2="${at(x)}" y1="${MARGIN.top}" y2="${HEIGHT - MARGIN.bottom}" class="mark" /><text
      x="${at(isLeft ? x - 4 : x + 4)}"
      y="${MARGIN.top - 3}"
      text-anchor="${isLeft ? 'end' : 'start'}"
      class="mark-label"
      >${label}</text
    >`;
}

/** The names of lines with their colors; by default those of a chart. */
export function legend(names: readonly string[], colors: readonly string[] = COLORS): Markup {
  const entries = names.map(
    (name, i): Fragment => html`<span><i style="background: ${colors[i % colors.length] ?? ''}"></i>${name}</span>`,
  );
  return html`<div class="legend">${entries}</div>`;
}

function colorOf(series: number): string {
  return COLORS[series % COLORS.length] ?? '';
}

function extent(values: readonly number[]): [number, number] {
  const [low, high] = bounds(values);
  return low < high ? [low, high] : [low - 0.5, high + 0.5];
}

/** The ends of a y axis. */
function heights(values: readonly number[]): [number, number] {
  const [low, high] = bounds(values);
  const size = Math.max(Math.abs(low), Math.abs(high));
  if (size === 0) return [-1, 1];
  if (high - low >= CONSTANT_SHARE * size) return [low, high];
  const middle = (low + high) / 2;
  return [middle - CONSTANT_MARGIN * size, middle + CONSTANT_MARGIN * size];
}

function bounds(values: readonly number[]): [number, number] {
  return values.reduce(([a, b], value) => [Math.min(a, value), Math.max(b, value)], [Infinity, -Infinity]);
}

/** The multiples of 1, 2 or 5 times a power of ten between two values. */
function roundValues(from: number, to: number): number[] {
  const rough = (to - from) / TICKS;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
  const first = Math.ceil(from / step - 1e-9);
  const count = Math.floor(to / step + 1e-9) - first + 1;
  return Array.from({ length: count }, (_, i) => Number(((first + i) * step).toPrecision(6)));
}

function short(value: number): string {
  return Math.abs(value) >= 1e-3 || value === 0 ? String(Number(value.toPrecision(6))) : value.toExponential(1);
}

function at(value: number): string {
  return value.toFixed(1);
}
