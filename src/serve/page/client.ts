// The script of the page at `/`: requests pictures, answers and explanations, and shows them.
import type { DrawnRegions, PageElements } from '../../explain/page/elements.js';
import type { AnswerGroup, ShownAnswer } from './answer-groups.js';

/** Fills the page. Its source is sent to the browser, so it must not use anything from outside. */
export function runPage(elements: PageElements, groupsOf: (answer: Record<string, unknown>) => AnswerGroup[]): void {
  const { find, create, percent, largestOf } = elements;
  const FIELD_NAMES: Record<string, string> = {
    question: 'Question',
    statement: 'Statement',
    sentence: 'Sentence',
    text: 'Text',
    choices: 'Choices, one per line',
    phrases: 'Phrases of the sentence, one per line',
  };
  /** Longest side and quality of a picture that is too large to send as it is. */
  const [LARGE_BYTES, LONGEST_SIDE, QUALITY] = [2_000_000, 1600, 0.9];
  const SEARCH_DELAY_MS = 200;
  /** Intensity of boxes before there is an answer. */
  const PLAIN_HEAT = '0.4';

  interface Model {
    task: string;
    model: string;
    endpoints: string[];
    example: Record<string, string | string[]>;
    images: number | null;
    detector: boolean;
    severalImages: boolean;
  }
  interface Chosen {
    /** Its form in requests. */
    regions: { image: string } | { picture: string };
    name: string;
    picture: string | null;
    width: number;
    height: number;
    boxes: number[][];
  }
  interface Explained {
    answer: ShownAnswer;
    words: { text: string; score: number }[];
    images: { regions: { score: number }[] }[];
  }

  const state: { token: string; chosen: (Chosen | undefined)[]; slot: number; drawn: DrawnRegions; body: object } = {
    token: '',
    chosen: [],
    slot: 0,
    drawn: { boxes: [], names: [] },
    body: {},
  };
  let model: Model;
  /** Number of the last requested explanation: earlier ones that arrive late are not shown. */
  let latest = 0;
  let explained: { group: AnswerGroup; answer: ShownAnswer } | null = null;

  const value = (id: string): string => (find(id) as HTMLInputElement).value;
  const request = async (path: string, body?: object): Promise<Response> => {
    const headers: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' };
    if (state.token !== '') headers['authorization'] = `Bearer ${state.token}`;
    const response = await fetch(path, {
      headers,
      ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
    });
    if (response.ok) return response;
    if (response.status === 401) find('login').hidden = false;
    const { message } = (await response.json()) as { message: string };
    throw new Error(message);
  };
  const json = async <T>(path: string, body?: object): Promise<T> => (await request(path, body)).json() as Promise<T>;
  /** Runs a user's request, and shows errors. */
  const attempt = async (work: () => Promise<void>): Promise<void> => {
    find('problem').hidden = true;
    try {
      await work();
    } catch (error) {
      find('problem').textContent = error instanceof Error ? error.message : String(error);
      find('problem').hidden = false;
    }
  };
  const dataUrl = (blob: Blob): Promise<string> =>
    new Promise((resolve, reject) => {
      const reader = new FileReader();
      reader.onload = () => resolve(reader.result as string);
      reader.onerror = () => reject(new Error('the picture could not be read'));
      reader.readAsDataURL(blob);
    });

  const showImages = (): void => {
    const chosen = state.chosen.filter((one) => one !== undefined);
    const { drawings, regions } = elements.drawImages(chosen);
    state.drawn = regions;
    regions.boxes.forEach((box) => box.style.setProperty('--heat', PLAIN_HEAT));
    find('images').replaceChildren(
      ...chosen.map(({ name, boxes }, i) => {
        const caption = create('figcaption', {}, `${name}: ${boxes.length} regions`);
        return create('figure', {}, drawings[i] as SVGElement, caption);
      }),
    );
    find('result').hidden = true;
  };

  const choose = (chosen: Chosen): void => {
    state.chosen[state.slot] = chosen;
    showImages();
  };

  const chooseStored = async (id: string): Promise<void> => {
    const path = `/v1/images/${encodeURIComponent(id)}`;
    const image = await json<Omit<Chosen, 'picture' | 'regions' | 'name'> & { picture: boolean }>(path);
    const picture = image.picture ? await dataUrl(await (await request(`${path}/picture`)).blob()) : null;
    choose({ ...image, picture, name: id, regions: { image: id } });
  };

  const chooseFile = async (file: File): Promise<void> => {
    const picture = await dataUrl(file.size > LARGE_BYTES ? await smaller(file) : file);
    const regions = { picture: picture.slice(picture.indexOf(',') + 1) };
    choose({
      ...(await json<Omit<Chosen, 'picture' | 'regions' | 'name'>>('/v1/regions', regions)),
      picture,
      name: file.name,
      regions,
    });
  };

  const smaller = async (file: File): Promise<Blob> => {
    const bitmap = await createImageBitmap(file);
    const share = Math.min(1, LONGEST_SIDE / Math.max(bitmap.width, bitmap.height));
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [Math.round(share * bitmap.width), Math.round(share * bitmap.height)];
    canvas.getContext('2d')?.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    return new Promise((resolve) => canvas.toBlob((blob) => resolve(blob ?? file), 'image/jpeg', QUALITY));
  };

  const searchImages = async (): Promise<void> => {
    const { ids, total } = await json<{ ids: string[]; total: number }>(
      `/v1/images?search=${encodeURIComponent(value('search'))}`,
    );
    find('ids').replaceChildren(...ids.map((id) => create('option', { value: id }, id)));
    find('found').textContent =
      total > ids.length ? `the first ${ids.length} of ${total} pictures` : `${total} picture${total === 1 ? '' : 's'}`;
  };

  /** One field per text of the model's example, which is its initial content. */
  const buildFields = (): void => {
    find('fields').replaceChildren(
      ...Object.entries(model.example).map(([name, example]) => {
        const isList = Array.isArray(example);
        const attributes = { id: `field-${name}`, required: '', ...(isList ? { rows: '4' } : { type: 'text' }) };
        const field = create(isList ? 'textarea' : 'input', attributes);
        (field as HTMLInputElement).placeholder = isList ? example.join('\n') : example;
        return create('label', {}, FIELD_NAMES[name] ?? name, field);
      }),
    );
  };

  const bodyNow = (): object => {
    const fields = Object.entries(model.example).map(([name, example]) => {
      const text = value(`field-${name}`);
      const lines = text.split('\n').map((line) => line.trim());
      return [name, Array.isArray(example) ? lines.filter((line) => line !== '') : text];
    });
    const regions = state.chosen.flatMap((one) => (one === undefined ? [] : [one.regions]));
    if (regions.length === 0) throw new Error('Choose a picture first.');
    return { ...Object.fromEntries(fields), regions: regions.length > 1 ? regions : regions[0] };
  };

  const showExplanation = ({ words, images, answer }: Explained): void => {
    const largest = largestOf(words.map(({ score }) => score));
    find('words').replaceChildren(
      ...words.map(({ text, score }) => {
        const word = elements.wordButton(text, score, largest);
        word.disabled = true;
        return word;
      }),
    );
    elements.showRegions(
      state.drawn,
      images.flatMap(({ regions }) => regions.map(({ score }) => score)),
    );
    find('from').textContent =
      `What “${answer.label}” (${percent(answer.score)}) has to do with each word and region; blue speaks against it.`;
  };

  const explain = async (): Promise<void> => {
    if (explained === null) return;
    const { group, answer } = explained;
    const number = ++latest;
    find('answers')
      .querySelectorAll('button')
      .forEach((button) =>
        button.setAttribute('aria-pressed', String(button.dataset['key'] === `${group.asked} ${answer.index}`)),
      );
    find('from').textContent = 'explaining ...';
    const options = { method: value('method'), answer: answer.index, asked: group.asked };
    const found = await json<Explained>('/v1/explain', { ...state.body, ...options });
    if (number === latest) showExplanation(found);
  };

  const showAnswers = (groups: AnswerGroup[]): void => {
    find('answers').replaceChildren(
      ...groups.flatMap((group) => {
        const list = create('ol', {});
        for (const answer of group.answers) {
          const button = elements.answerButton(answer.label, answer.score);
          button.dataset['key'] = `${group.asked} ${answer.index}`;
          button.addEventListener('click', () => {
            explained = { group, answer };
            void attempt(explain);
          });
          list.append(create('li', {}, button));
        }
        return group.title === null ? [list] : [create('h3', {}, group.title), list];
      }),
    );
    find('result').hidden = false;
    const [group] = groups;
    const [answer] = group?.answers ?? [];
    explained = group === undefined || answer === undefined ? null : { group, answer };
  };

  const ask = async (): Promise<void> => {
    find('send').setAttribute('aria-busy', 'true');
    try {
      state.body = bodyNow();
      showAnswers(groupsOf(await json(model.endpoints[0] as string, state.body)));
      await explain();
    } finally {
      find('send').setAttribute('aria-busy', 'false');
    }
  };

  const open = async (): Promise<void> => {
    model = await json<Model>('/v1/model');
    find('login').hidden = true;
    find('model').textContent = `${model.task.replaceAll('-', ' ')}, ${model.model}`;
    find('slots').hidden = !model.severalImages;
    find('store').hidden = model.images === null;
    find('upload').hidden = !model.detector;
    (document.querySelector('main') as HTMLElement).hidden = false;
    buildFields();
    if (model.images !== null) await searchImages();
  };

  const on = (id: string, event: string, work: (event: Event) => Promise<void>): void =>
    find(id).addEventListener(event, (fired) => {
      if (event === 'submit') fired.preventDefault();
      void attempt(() => work(fired));
    });
  on('login', 'submit', async () => {
    state.token = value('token');
    await open();
  });
  on('ask', 'submit', ask);
  on('method', 'change', explain);
  on('ids', 'change', async () => chooseStored(value('ids')));
  on('file', 'change', async ({ target }) => {
    const file = (target as HTMLInputElement).files?.[0];
    if (file !== undefined) await chooseFile(file);
  });
  on('slots', 'change', async ({ target }) => void (state.slot = Number((target as HTMLInputElement).value)));
  let searching: ReturnType<typeof setTimeout>;
  on('search', 'input', async () => {
    clearTimeout(searching);
    searching = setTimeout(() => void attempt(searchImages), SEARCH_DELAY_MS);
  });
  void attempt(open);
}
