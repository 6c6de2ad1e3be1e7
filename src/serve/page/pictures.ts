// The pictures of the page at `/`: found on the server or chosen from files, and drawn with their regions.
import type { DrawnRegions, PageElements } from '../../explain/page/elements.js';
import type { PageRequests } from './requests.js';

/** A picture's form in requests. */
export type SentRegions = { image: string } | { picture: string };

/** The pictures that the next question is about. */
export interface PagePictures {
  chosen(): SentRegions[];
  drawn(): DrawnRegions;
  /** The next picture is chosen for this slot: 0 left, 1 right. */
  turnTo(slot: number): void;
  chooseStored(id: string): Promise<void>;
  chooseFile(file: File): Promise<void>;
  /** Lists the server's pictures whose ids contain a text. */
  search(text: string): Promise<void>;
}

/** Its source is sent to the browser, so it must not use anything from outside. */
export function createPagePictures(elements: PageElements, { json, request }: PageRequests): PagePictures {
  const { find, create } = elements;
  /** Longest side and quality of a picture that is too large to send as it is. */
  const [LARGE_BYTES, LONGEST_SIDE, QUALITY] = [2_000_000, 1600, 0.9];
  /** Intensity of boxes before there is an answer. */
  const PLAIN_HEAT = '0.4';

  interface Chosen {
    /** Its form in requests. */
    regions: SentRegions;
    name: string;
    picture: string | null;
    width: number;
    height: number;
    boxes: number[][];
  }

  /** The boxes that the server knows. */
  type Found = Pick<Chosen, 'width' | 'height' | 'boxes'>;

  const slots: (Chosen | undefined)[] = [];
  let current = 0;
  /** Numbers of the last choice for each slot and of the last search: responses to earlier ones are not shown. */
  const latest = { choices: [0, 0], search: 0 };
  let drawn: DrawnRegions = { boxes: [], names: [] };

  const dataUrl = (blob: Blob): Promise<string> =>
    new Promise((resolve, reject) => {
      const reader = new FileReader();
      reader.onload = () => resolve(reader.result as string);
      reader.onerror = () => reject(new Error('the picture could not be read'));
      reader.readAsDataURL(blob);
    });

  const showImages = (): void => {
    const chosen = slots.filter((one) => one !== undefined);
    const { drawings, regions } = elements.drawImages(chosen);
    drawn = regions;
    regions.boxes.forEach((box) => box.style.setProperty('--heat', PLAIN_HEAT));
    find('images').replaceChildren(
      ...chosen.map(({ name, boxes }, i) => {
        const caption = create('figcaption', {}, `${name}: ${boxes.length} regions`);
        return create('figure', {}, drawings[i] as SVGElement, caption);
      }),
    );
    find('result').hidden = true;
  };

  const choose = async (load: () => Promise<Chosen>): Promise<void> => {
    const slot = current;
    const number = (latest.choices[slot] = (latest.choices[slot] ?? 0) + 1);
    const chosen = await load();
    if (number !== latest.choices[slot]) return;
    slots[slot] = chosen;
    showImages();
  };

  const chooseStored = (id: string): Promise<void> =>
    choose(async () => {
      const path = `/v1/images/${encodeURIComponent(id)}`;
      const image = await json<Found & { picture: boolean; hasBoxes: boolean }>(path);
      const isDrawn = image.picture && image.hasBoxes; // tiles have no place in a picture
      const picture = isDrawn ? await dataUrl(await (await request(`${path}/picture`)).blob()) : null;
      return { ...image, picture, name: id, regions: { image: id } };
    });

  const chooseFile = (file: File): Promise<void> =>
    choose(async () => {
      const picture = await dataUrl(file.size > LARGE_BYTES ? await smaller(file) : file);
      const regions = { picture: picture.slice(picture.indexOf(',') + 1) };
      const found = await json<Found>('/v1/regions', regions);
      return { ...found, picture, name: file.name, regions };
    });

  const smaller = async (file: File): Promise<Blob> => {
    const bitmap = await createImageBitmap(file);
    const share = Math.min(1, LONGEST_SIDE / Math.max(bitmap.width, bitmap.height));
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [Math.round(share * bitmap.width), Math.round(share * bitmap.height)];
    canvas.getContext('2d')?.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    return new Promise((resolve) => canvas.toBlob((blob) => resolve(blob ?? file), 'image/jpeg', QUALITY));
  };

  const search = async (text: string): Promise<void> => {
    const number = ++latest.search;
    const { ids, total } = await json<{ ids: string[]; total: number }>(
      `/v1/images?search=${encodeURIComponent(text)}`,
    );
    if (number !== latest.search) return;
    find('ids').replaceChildren(...ids.map((id) => create('option', { value: id }, id)));
    find('found').textContent =
      total > ids.length ? `the first ${ids.length} of ${total} pictures` : `${total} picture${total === 1 ? '' : 's'}`;
  };

  return {
    chosen: () => slots.flatMap((one) => (one === undefined ? [] : [one.regions])),
    drawn: () => drawn,
    turnTo: (slot) => void (current = slot),
    chooseStored,
    chooseFile,
    search,
  };
}
