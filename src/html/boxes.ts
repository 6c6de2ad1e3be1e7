// A picture with boxes over it, as SVG: in reports, explanations and answers.
import { type Fragment, html, type Markup } from './escape.js';

/** Corners in pixels: x1, y1, x2, y2. */
export type Corners = readonly number[];

/** Boxes drawn in one style. */
export interface BoxGroup {
  /** Class of the group, by which a stylesheet colors it: `boxes`, `expected`, `predicted` are in the shared style. */
  kind: string;
  boxes: readonly Corners[];
  /** Line thickness, as a multiple of a thin line for the picture's size. Default 1. */
  thickness?: number;
  /** Tooltip of a box, by its index. */
  titleOf?: (index: number) => string;
}

export interface BoxedPicture {
  /** A data URL; null draws the boxes alone. */
  picture: string | null;
  /** Size of the picture in pixels. Default: the extent of the boxes. */
  width?: number | undefined;
  height?: number | undefined;
  /** Accessible name of the picture. */
  label: string;
  groups: readonly BoxGroup[];
}

/** A thin line is this share of the picture's longer side. */
const LINE_SHARE = 1 / 300;

/** The drawing; empty when there is neither picture nor box. */
export function boxedPicture({ picture, width, height, label, groups }: BoxedPicture): Markup {
  const all = groups.flatMap(({ boxes }) => boxes);
  if (picture === null && all.length === 0) return html``;
  const w = width ?? Math.max(1, ...all.map(([, , x = 1]) => x));
  const h = height ?? Math.max(1, ...all.map(([, , , y = 1]) => y));
  const image = picture === null ? null : html`<image href="${picture}" width="${w}" height="${h}" />`;
  const thin = Math.max(w, h) * LINE_SHARE;
  return html`<svg viewBox="0 0 ${w} ${h}" class="picture" role="img" aria-label="${label}">
    ${image}${groups.map((group) => drawn(group, thin))}
  </svg>`;
}

function drawn({ kind, boxes, thickness = 1, titleOf }: BoxGroup, thin: number): Fragment {
  if (boxes.length === 0) return null;
  const frames = boxes.map(([x1 = 0, y1 = 0, x2 = 0, y2 = 0], i) => {
    const title = titleOf === undefined ? null : html`<title>${titleOf(i)}</title>`;
    const corners = html`x="${x1}" y="${y1}" width="${x2 - x1}" height="${y2 - y1}"`;
    return title === null ? html`<rect ${corners} />` : html`<rect ${corners}>${title}</rect>`;
  });
  return html`<g class="${kind}" stroke-width="${thickness * thin}">${frames}</g>`;
}
