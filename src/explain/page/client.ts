// The script of the page: highlights words and boxes by the chosen answer, method, layer, head and word.
import type { PageData, PageRows, PageSubject } from './data.js';
import type { PageElements } from './elements.js';

/**
 * Fills the page. Its source is written into the page, so that it uses nothing from outside itself.
 * @param data what `pageDataOf` made
 */
export function showExplanation(
  data: PageData,
  elements: PageElements,
  attendingPosition: (method: string, task: string, answer: string) => string | null,
): void {
  const { find, create, largestOf } = elements;
  const hasOwnSequences = data.task === 'visual-multiple-choice';
  const NOTES: Record<string, string> = {
    relevance: 'Attention weighted by the gradient of the answer’s score, through all layers (Chefer et al. 2021).',
    rollout: `Attention through all layers, residuals included (Abnar and Zuidema 2020). ${
      hasOwnSequences ? 'Each answer has its own.' : 'It does not depend on the answer.'
    }`,
    'leave-out': 'How far the answer’s probability falls without the word or region; blue: it rises.',
    attention: `Attention probabilities of one layer. ${
      hasOwnSequences ? 'Each answer has its own.' : 'They do not depend on the answer.'
    }`,
  };
  const state = { subject: 0, method: 'relevance', layer: 0, head: -1, row: 0 };

  const subject = (): PageSubject => data.subjects[state.subject] as PageSubject;
  const attentionOf = (one: PageSubject): NonNullable<PageSubject['attention']> =>
    (one.attention ?? data.subjects[0]?.attention) as NonNullable<PageSubject['attention']>;

  /** The rows of one head, or the mean of a layer's heads. */
  const attentionRows = (one: PageSubject, layer: number, head: number): PageRows => {
    const { rows, columns, largest, heads, bytes } = attentionOf(one);
    const packed = atob(bytes);
    const first = heads.slice(0, layer).reduce((sum, count) => sum + count, 0);
    const count = heads[layer] ?? 0;
    const chosen = head < 0 ? Array.from({ length: count }, (_, i) => first + i) : [first + head];
    return Array.from({ length: rows }, (_, row) =>
      Array.from({ length: columns }, (_column, column) => {
        const sum = chosen.reduce((total, one) => {
          const q = packed.charCodeAt((one * rows + row) * columns + column) / 255;
          return total + q * q * largest;
        }, 0);
        return sum / chosen.length;
      }),
    );
  };
  const rowsNow = (): PageRows => {
    const one = subject();
    if (state.method === 'attention') return attentionRows(one, state.layer, state.head);
    return state.method === 'leave-out' ? one.leaveOut : one[state.method as 'relevance' | 'rollout'];
  };

  const { drawings, regions } = elements.drawImages(data.images);

  const buildImages = (): void => {
    data.images.forEach(({ name, picture, hasBoxes }, index) => {
      const caption = picture === null && !hasBoxes ? `${name}: regions without boxes, in their order` : name;
      const drawing = drawings[index] as SVGElement;
      find('images').append(create('figure', {}, drawing, create('figcaption', {}, caption)));
    });
  };

  const buildAnswers = (): void => {
    data.subjects.forEach(({ label, score }, index) => {
      const button = elements.answerButton(label, score);
      button.addEventListener('click', () => {
        state.subject = index;
        state.row = 0;
        show();
      });
      find('answers').append(create('li', {}, button));
    });
  };

  const fillSelect = (id: string, values: [number, string][], chosen: number): void => {
    find(id).replaceChildren(
      ...values.map(([value, text]) =>
        create('option', { value: String(value), ...(value === chosen ? { selected: '' } : {}) }, text),
      ),
    );
  };

  const showControls = (): void => {
    const { heads } = attentionOf(subject());
    const isAttention = state.method === 'attention';
    find('layers').hidden = !isAttention;
    state.layer = Math.min(state.layer, heads.length - 1);
    if (state.head >= (heads[state.layer] ?? 0)) state.head = -1;
    fillSelect(
      'layer',
      heads.map((_, layer): [number, string] => [layer, String(layer)]),
      state.layer,
    );
    const numbers = Array.from({ length: heads[state.layer] ?? 0 }, (_, head): [number, string] => [
      head,
      String(head),
    ]);
    fillSelect('head', [[-1, 'mean of all'], ...numbers], state.head);
    find('note').textContent = NOTES[state.method] ?? '';
  };

  /** Words as buttons: each shows what the word attends to; clicking the chosen one shows the answer again. */
  const showWords = (row: number[], canChoose: boolean): void => {
    const one = subject();
    const largest = largestOf(row.slice(0, one.words.length));
    const focused = Array.from(find('words').children).indexOf(document.activeElement as Element);
    find('words').replaceChildren(
      ...one.words.map((word, index) => {
        const isChosen = state.row === index + 1;
        const button = elements.wordButton(word, row[index] ?? 0, largest);
        button.setAttribute('aria-pressed', String(isChosen));
        button.disabled = !canChoose;
        button.addEventListener('click', () => {
          state.row = isChosen ? 0 : index + 1;
          show();
        });
        return button;
      }),
    );
    (find('words').children[focused] as HTMLElement | undefined)?.focus();
  };

  const show = (): void => {
    const rows = rowsNow();
    if (state.row >= rows.length) state.row = 0;
    const row = rows[state.row] ?? [];
    const { words, label } = subject();
    Array.from(find('answers').querySelectorAll('button')).forEach((button, index) =>
      button.setAttribute('aria-pressed', String(index === state.subject)),
    );
    showControls();
    showWords(row, rows.length > 1);
    elements.showRegions(regions, row.slice(words.length));
    const word = state.row === 0 ? null : `the word “${words[state.row - 1] ?? ''}”`;
    const attending = attendingPosition(state.method, data.task, label);
    const about =
      attending !== null
        ? `How much ${word ?? attending} attends to each word and region.`
        : `What ${word ?? `the answer “${label}”`} has to do with each word and region.`;
    const way =
      rows.length > 1 ? ' Choose a word to see what it attends to; choose it again, or press Escape, to go back.' : '';
    find('from').textContent = about + way;
  };

  const choose = (id: string, take: (value: string) => void): void =>
    find(id).addEventListener('change', (event) => {
      take((event.target as HTMLSelectElement).value);
      show();
    });
  choose('method', (value) => (state.method = value));
  choose('layer', (value) => (state.layer = Number(value)));
  choose('head', (value) => (state.head = Number(value)));
  document.addEventListener('keydown', ({ key }) => {
    if (key !== 'Escape' || state.row === 0) return;
    state.row = 0;
    show();
  });
  state.layer = attentionOf(subject()).heads.length - 1;
  buildImages();
  buildAnswers();
  show();
}
