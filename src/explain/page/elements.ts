// Elements of pages about answers, created in the browser: pictures with boxes, answers with bars, shaded words and regions.

/** An image as pages draw it. */
export interface DrawnImage {
  /** A data URL; null without a picture. */
  picture: string | null;
  name: string;
  width: number;
  height: number;
  /** x1, y1, x2, y2 of each region. */
  boxes: readonly (readonly number[])[];
}

/** The regions of all images of a page, in the order of their scores. */
export interface DrawnRegions {
  boxes: SVGElement[];
  names: string[];
}

/** Creates and fills elements. */
export interface PageElements {
  find(id: string): HTMLElement;
  create(tag: string, attributes: Record<string, string>, ...children: (Node | string)[]): HTMLElement;
  percent(value: number): string;
  /** A drawing of each image, and its regions. */
  drawImages(images: readonly DrawnImage[]): { drawings: SVGElement[]; regions: DrawnRegions };
  /** A button that shows a probability as a bar behind its text. */
  answerButton(label: string, score: number): HTMLButtonElement;
  /** A word shaded by its share of the largest score. */
  wordButton(word: string, score: number, largest: number): HTMLButtonElement;
  /** Shades boxes, and lists the highest regions in `#regions`. */
  showRegions(regions: DrawnRegions, scores: readonly number[]): void;
  largestOf(scores: readonly number[]): number;
}

/** Its source is written into pages, so that it uses nothing from outside itself. */
export function createPageElements(): PageElements {
  const REGIONS_LISTED = 8;
  const find = (id: string): HTMLElement => document.getElementById(id) as HTMLElement;
  const create: PageElements['create'] = (tag, attributes, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };
  const svg = (tag: string, attributes: Record<string, string | number>): SVGElement => {
    const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
    return element;
  };
  const percent = (value: number): string => `${(100 * value).toFixed(1)}%`;
  const largestOf = (scores: readonly number[]): number =>
    scores.reduce((max, score) => Math.max(max, Math.abs(score)), 1e-12);

  const drawImages: PageElements['drawImages'] = (images) => {
    const regions: DrawnRegions = { boxes: [], names: [] };
    const drawings = images.map((image) => {
      const { width, height, picture } = image;
      const drawing = svg('svg', {
        viewBox: `0 0 ${width} ${height}`,
        role: 'img',
        'aria-label': `${image.name}, ${image.boxes.length} regions`,
      });
      if (picture !== null) drawing.append(svg('image', { href: picture, width, height, preserveAspectRatio: 'none' }));
      image.boxes.forEach(([x1 = 0, y1 = 0, x2 = 0, y2 = 0], region) => {
        regions.names.push(images.length > 1 ? `${image.name}, region ${region}` : `region ${region}`);
        const rectangle = { x: x1, y: y1, width: x2 - x1, height: y2 - y1 };
        const box = svg('rect', { ...rectangle, class: 'box', 'vector-effect': 'non-scaling-stroke' });
        box.append(svg('title', {}));
        regions.boxes.push(box);
        drawing.append(box);
      });
      return drawing;
    });
    return { drawings, regions };
  };

  const answerButton: PageElements['answerButton'] = (label, score) => {
    const bar = create('span', { class: 'bar', 'aria-hidden': 'true' });
    bar.style.width = percent(score);
    const parts = [bar, create('b', {}, label), create('i', {}, percent(score))];
    return create('button', { type: 'button' }, ...parts) as HTMLButtonElement;
  };

  const shade = (element: HTMLElement | SVGElement, score: number, largest: number): void => {
    element.style.setProperty('--heat', String(Math.abs(score) / largest));
    element.classList.toggle('negative', score < 0);
  };
  const wordButton: PageElements['wordButton'] = (word, score, largest) => {
    const button = create('button', { type: 'button', title: `${word}: ${score.toPrecision(3)}` }, word);
    shade(button, score, largest);
    return button as HTMLButtonElement;
  };

  const showRegions: PageElements['showRegions'] = ({ boxes, names }, scores) => {
    const largest = largestOf(scores);
    boxes.forEach((box, region) => {
      const score = scores[region] ?? 0;
      shade(box, score, largest);
      box.classList.remove('on');
      (box.firstChild as Element).textContent = `${names[region] ?? ''}: ${score.toPrecision(3)}`;
    });
    const highlight = (region: number, isOn: boolean): void => void boxes[region]?.classList.toggle('on', isOn);
    const order = scores.map((_, region) => region).sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0));
    find('regions').replaceChildren(
      ...order.slice(0, REGIONS_LISTED).map((region) => {
        const score = create('i', {}, (scores[region] ?? 0).toPrecision(3));
        const button = create('button', { type: 'button' }, names[region] ?? '', score);
        for (const event of ['focus', 'mouseenter']) button.addEventListener(event, () => highlight(region, true));
        for (const event of ['blur', 'mouseleave']) button.addEventListener(event, () => highlight(region, false));
        return create('li', {}, button);
      }),
    );
  };
  return { find, create, percent, drawImages, answerButton, wordButton, showRegions, largestOf };
}
