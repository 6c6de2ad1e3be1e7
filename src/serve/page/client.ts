// The script of the page at `/`: asks for answers and explanations, and shows them.
import type { PageElements } from '../../explain/page/elements.js';
import type { AnswerGroup, ShownAnswer } from './answer-groups.js';
import type { PagePictures } from './pictures.js';
import type { PageRequests } from './requests.js';

/** The parts of the page. */
export interface ClientParts {
  elements: PageElements;
  requests: PageRequests;
  pictures: PagePictures;
  groupsOf: (answer: Record<string, unknown>) => AnswerGroup[];
  /** The position whose attention a method shows, in words; null for other methods. */
  attendingPosition: (method: string, task: string, answer: string) => string | null;
}

/** Fills the page. Its source is sent to the browser, so it must not use anything from outside. */
export function runPage({ elements, requests, pictures, groupsOf, attendingPosition }: ClientParts): void {
  const { json } = requests;
  const { find, create, percent, largestOf } = elements;
  const FIELD_NAMES: Record<string, string> = {
    question: 'Question',
    statement: 'Statement',
    sentence: 'Sentence',
    text: 'Text',
    choices: 'Choices, one per line',
    phrases: 'Phrases of the sentence, one per line',
  };
  const SEARCH_DELAY_MS = 200;

  interface Model {
    task: string;
    model: string;
    endpoints: string[];
    example: Record<string, unknown>;
    images: number | null;
    detector: boolean;
    severalImages: boolean;
  }
  interface Explained {
    method: string;
    answer: ShownAnswer;
    words: { text: string; score: number }[];
    images: { regions: { score: number }[] }[];
  }

  let model: Model;
  /** Numbers of the last question and of the last requested explanation: responses to earlier ones are not shown. */
  const latest = { question: 0, explanation: 0 };
  /** The explained answer, with the body of its question. */
  let explained: { body: object; group: AnswerGroup; answer: ShownAnswer } | null = null;

  const value = (id: string): string => (find(id) as HTMLInputElement).value;
  /** Runs a user's request, and shows errors. */
  const attempt = async (work: () => Promise<void>): Promise<void> => {
    find('problem').hidden = true;
    try {
      await work();
    } catch (error) {
      find('problem').textContent = error instanceof Error ? error.message : String(error);
      find('problem').hidden = false;
      find('problem').scrollIntoView({ block: 'nearest' });
    }
  };

  /** The model's example without its image: one text or list of texts per field. */
  const sampleTexts = (): [name: string, example: string | string[]][] =>
    Object.entries(model.example as Record<string, string | string[]>).filter(([name]) => name !== 'regions');

  /** One field per text of the example, shown where it is empty. */
  const buildFields = (): void => {
    find('fields').replaceChildren(
      ...sampleTexts().map(([name, example]) => {
        const isList = Array.isArray(example);
        const attributes = { id: `field-${name}`, required: '', ...(isList ? { rows: '4' } : { type: 'text' }) };
        const field = create(isList ? 'textarea' : 'input', attributes);
        (field as HTMLInputElement).placeholder = isList ? example.join('\n') : example;
        return create('label', {}, FIELD_NAMES[name] ?? name, field);
      }),
    );
  };

  const bodyNow = (): object => {
    const fields = sampleTexts().map(([name, example]) => {
      const text = value(`field-${name}`);
      const lines = text.split('\n').map((line) => line.trim());
      return [name, Array.isArray(example) ? lines.filter((line) => line !== '') : text];
    });
    const regions = pictures.chosen();
    if (regions.length === 0 && model.images === null && !model.detector)
      throw new Error(
        'This server has no pictures: start it with --features or --detector, or send features to its addresses (/docs).',
      );
    if (regions.length === 0) throw new Error('Choose a picture first.');
    return { ...Object.fromEntries(fields), regions: regions.length > 1 ? regions : regions[0] };
  };

  const showExplanation = ({ method, words, images, answer }: Explained): void => {
    const largest = largestOf(words.map(({ score }) => score));
    find('words').replaceChildren(
      ...words.map(({ text, score }) => {
        const word = elements.wordButton(text, score, largest);
        word.disabled = true;
        return word;
      }),
    );
    elements.showRegions(
      pictures.drawn(),
      images.flatMap(({ regions }) => regions.map(({ score }) => score)),
    );
    const attending = attendingPosition(method, model.task, answer.label);
    find('from').textContent =
      attending !== null
        ? `How much ${attending} attends to each word and region.`
        : `What “${answer.label}” (${percent(answer.score)}) has to do with each word and region${method === 'leave-out' ? '; blue speaks against it' : ''}.`;
  };

  const explain = async (): Promise<void> => {
    if (explained === null) return;
    const { body, group, answer } = explained;
    const number = ++latest.explanation;
    const drawn = pictures.drawn();
    find('answers')
      .querySelectorAll('button')
      .forEach((button) =>
        button.setAttribute('aria-pressed', String(button.dataset['key'] === `${group.asked} ${answer.index}`)),
      );
    find('from').textContent = 'explaining ...';
    const options = { method: value('method'), answer: answer.index, asked: group.asked };
    const found = await json<Explained>('/v1/explain', { ...body, ...options });
    if (number === latest.explanation && drawn === pictures.drawn()) showExplanation(found);
  };

  const showAnswers = (groups: AnswerGroup[], body: object): void => {
    find('answers').replaceChildren(
      ...groups.flatMap((group) => {
        const list = create('ol', {});
        for (const answer of group.answers) {
          const button = elements.answerButton(answer.label, answer.score);
          button.dataset['key'] = `${group.asked} ${answer.index}`;
          button.addEventListener('click', () => {
            explained = { body, group, answer };
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
    explained = group === undefined || answer === undefined ? null : { body, group, answer };
  };

  const ask = async (): Promise<void> => {
    const number = ++latest.question;
    const drawn = pictures.drawn();
    find('send').setAttribute('aria-busy', 'true');
    try {
      const body = bodyNow();
      const response = await json<Record<string, unknown>>(model.endpoints[0] as string, body).catch(
        (error: unknown) => {
          if (number === latest.question) find('result').hidden = true; // its answers are those of an earlier question
          throw error;
        },
      );
      if (number !== latest.question || drawn !== pictures.drawn()) return; // another question or picture since then
      const groups = groupsOf(response);
      find('cut').hidden = response['truncated'] !== true;
      showAnswers(groups, body);
      await explain();
    } finally {
      if (number === latest.question) find('send').setAttribute('aria-busy', 'false');
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
    if (model.images !== null) await pictures.search(value('search'));
  };

  const on = (id: string, event: string, work: (event: Event) => Promise<void>): void =>
    find(id).addEventListener(event, (fired) => {
      if (event === 'submit') fired.preventDefault();
      void attempt(() => work(fired));
    });
  on('login', 'submit', async () => {
    requests.signIn(value('token'));
    await open();
  });
  on('ask', 'submit', ask);
  on('method', 'change', explain);
  on('ids', 'change', async () => pictures.chooseStored(value('ids')));
  on('file', 'change', async ({ target }) => {
    const file = (target as HTMLInputElement).files?.[0];
    if (file !== undefined) await pictures.chooseFile(file);
  });
  on('slots', 'change', async ({ target }) => pictures.turnTo(Number((target as HTMLInputElement).value)));
  let searching: ReturnType<typeof setTimeout>;
  on('search', 'input', async () => {
    clearTimeout(searching);
    searching = setTimeout(() => void attempt(() => pictures.search(value('search'))), SEARCH_DELAY_MS);
  });
  void attempt(open);
}
