// Line charts as SVG, for the report.

export interface Series {
  name: string;
  points: readonly (readonly [x: number, y: number])[];
}

const WIDTH = 520;
const HEIGHT = 220;
const MARGIN = { left: 56, right: 20, top: 12, bottom: 26 };
const COLORS = ['#2563eb', '#dc2626', '#059669', '#9333ea', '#d97706', '#0891b2', '#be185d', '#4d7c0f'];
/** Values along an axis, about. */
const TICKS = 5;

/** A chart with its series over one x axis; points that are not finite are left out. */
export function lineChart(title: string, series: readonly Series[], xLabel = 'step'): string {
  const shown = series
    .map(({ name, points }) => ({ name, points: points.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y)) }))
    .filter(({ points }) => points.length > 0);
  const all = shown.flatMap(({ points }) => points);
  if (all.length === 0) return '';
  const [x0, x1] = extent(all.map(([x]) => x));
  const [y0, y1] = extent(all.map(([, y]) => y));
  const left = (x: number): number => MARGIN.left + ((x - x0) / (x1 - x0)) * (WIDTH - MARGIN.left - MARGIN.right);
  const top = (y: number): number =>
    HEIGHT - MARGIN.bottom - ((y - y0) / (y1 - y0)) * (HEIGHT - MARGIN.top - MARGIN.bottom);
  const grid = [
    ...roundValues(y0, y1).map(
      (y) =>
        `<line x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${at(top(y))}" y2="${at(top(y))}" class="grid"/>` +
        `<text x="${MARGIN.left - 6}" y="${at(top(y) + 4)}" text-anchor="end">${short(y)}</text>`,
    ),
    ...roundValues(x0, x1).map(
      (x) => `<text x="${at(left(x))}" y="${HEIGHT - 8}" text-anchor="middle">${short(x)}</text>`,
    ),
  ];
  const lines = shown.map(({ name, points }, i) => {
    const color = COLORS[i % COLORS.length];
    const path = points.map(([x, y], j) => `${j === 0 ? 'M' : 'L'}${at(left(x))} ${at(top(y))}`).join('');
    const dots =
      points.length > 60
        ? ''
        : points.map(([x, y]) => `<circle cx="${at(left(x))}" cy="${at(top(y))}" r="2" fill="${color}"/>`).join('');
    return `<path d="${path}" fill="none" stroke="${color}" stroke-width="1.5"><title>${escapeHtml(name)}</title></path>${dots}`;
  });
  const legend = shown
    .map(({ name }, i) => `<span><i style="background:${COLORS[i % COLORS.length]}"></i>${escapeHtml(name)}</span>`)
    .join('');
  return (
    `<figure><figcaption>${escapeHtml(title)} by ${escapeHtml(xLabel)}</figcaption>` +
    `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeHtml(title)}">${grid.join('')}${lines.join('')}</svg>` +
    `${shown.length > 1 ? `<div class="legend">${legend}</div>` : ''}</figure>`
  );
}

/** Text as it may stand in HTML. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

function extent(values: readonly number[]): [number, number] {
  const [low, high] = values.reduce(([a, b], value) => [Math.min(a, value), Math.max(b, value)], [Infinity, -Infinity]);
  return low < high ? [low, high] : [low - 0.5, high + 0.5];
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
