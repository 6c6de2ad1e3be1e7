// The server over HTTP: the results of the pipeline, batches of several requests, and errors for invalid requests.
import { request } from 'node:http';
import { beforeAll, describe, expect, jest, test } from '@jest/globals';
import { explain } from '../../src/explain/explain.js';
import type { PipelineInput, PipelineName } from '../../src/pipelines/contract.js';
import { pipeline } from '../../src/pipelines/node-pipeline.js';
import { generator } from '../helpers/files/damage.js';
import { REGION_DIM, regionsOfImage, writeCheckpoint } from '../helpers/models/pipeline-models.js';
import type { RunningServer } from '../../src/serve/contract.js';
import { call, IMAGES, PICTURE, QUESTION, start, vqa } from './small-server.js';

jest.setTimeout(60_000);

/** Sends the example of `/v1/model` as it is. @returns its regions */
async function expectUsableExample({ url }: RunningServer): Promise<unknown> {
  const { example, endpoints } = (await call(`${url}/v1/model`)).body as {
    example: { regions: unknown };
    endpoints: string[];
  };
  for (const endpoint of endpoints) expect((await call(`${url}${endpoint}`, example)).status).toBe(200);
  return example.regions;
}

describe('answers', () => {
  let server: RunningServer;
  beforeAll(async () => {
    server = await start();
  });

  test('are those of the pipeline, for images of the store and for regions that a request brings', async () => {
    const ask = await pipeline('visual-question-answering', vqa);
    const [first, second] = [regionsOfImage(2, 6), regionsOfImage(9, 4)];
    const expected = await ask(
      [first, second].map((regions) => ({ question: QUESTION.question, regions })),
      { topK: 2 },
    );
    await ask.dispose();
    const { features, boxes, imageWidth: width, imageHeight: height } = second;
    const rows = (values: Float32Array, size: number): number[][] =>
      Array.from({ length: 4 }, (_, i) => Array.from(values.subarray(i * size, (i + 1) * size)));
    const own = { features: rows(features, REGION_DIM), boxes: rows(boxes, 4), width, height };
    const stored = await call(`${server.url}/v1/answer`, { ...QUESTION, topK: 2 });
    const sent = await call(`${server.url}/v1/answer`, { ...QUESTION, regions: own, topK: 2 });
    expect([stored.status, sent.status]).toEqual([200, 200]);
    for (const [i, { body }] of [stored, sent].entries()) {
      const { answers } = body as { answers: { answer: string; index: number; score: number }[] };
      expect(answers.map(({ answer, index }) => [answer, index])).toEqual(
        expected[i]?.map(({ answer, index }) => [answer, index]),
      );
      answers.forEach(({ score }, j) => expect(score).toBeCloseTo(expected[i]?.[j]?.score as number, 5)); // other batch, other order of sums
    }
  });

  test('of requests that come together are made in shared batches', async () => {
    const asked = Array.from({ length: 40 }, () => call(`${server.url}/v1/answer`, QUESTION));
    const answers = await Promise.all(asked);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    const metrics = (await call(`${server.url}/metrics`)).body as string;
    const value = (name: string): number => Number(new RegExp(`^${name} (.*)$`, 'm').exec(metrics)?.[1]);
    expect(value('visualbert_batch_examples_sum')).toBe(42);
    expect(value('visualbert_batch_examples_count')).toBeLessThan(42);
    expect(metrics).toContain('visualbert_request_seconds_count{route="/v1/answer",status="200"} 42');
  });

  test('are explained as explain() does', async () => {
    const ask = await pipeline('visual-question-answering', vqa);
    const expected = await explain(
      ask,
      { question: QUESTION.question, regions: regionsOfImage(2, 6) },
      { answer: 'no' },
    );
    await ask.dispose();
    const { body, status } = await call(`${server.url}/v1/explain`, { ...QUESTION, answer: 'no' });
    expect(status).toBe(200);
    const found = body as typeof expected;
    expect(found.answer).toEqual({ ...expected.answer, score: expect.closeTo(expected.answer.score, 5) });
    expect(found.words.map(({ text }) => text)).toEqual(['what', 'is', 'the', 'dog', 'near', '?']);
    const scores = ({ words, images }: typeof expected): number[] =>
      [...words, ...(images[0]?.regions ?? [])].map(({ score }) => score);
    scores(found).forEach((score, i) => expect(score).toBeCloseTo(scores(expected)[i] as number, 5));
    expect(found.images[0]?.regions[1]?.box).toEqual([10, 5, 22, 30]);
    const none = await call(`${server.url}/v1/explain`, { ...QUESTION, answer: 'blue' });
    expect(none).toMatchObject({
      status: 422,
      body: { message: expect.stringContaining('"blue" is none of the 4 answers') },
    });
  });

  test('come with what there is to ask: model, ids, regions and pictures', async () => {
    expect((await call(`${server.url}/v1/model`)).body).toMatchObject({
      task: 'visual-question-answering',
      model: 'VisualBertForQuestionAnswering',
      endpoints: ['/v1/answer', '/v1/explain'],
      visualEmbeddingDim: REGION_DIM,
      images: 3,
      detector: false,
    });
    expect((await call(`${server.url}/v1/images?search=W`)).body).toEqual({ ids: ['two words'], total: 1 });
    expect((await call(`${server.url}/v1/images?limit=1&offset=1`)).body).toEqual({ ids: ['8'], total: 3 });
    expect((await call(`${server.url}/v1/images/two%20words`)).body).toMatchObject({
      boxes: { length: 7 },
      width: 80,
      picture: false,
    });
    expect((await call(`${server.url}/v1/images/7`)).body).toMatchObject({ boxes: expect.any(Array), picture: true });
    const picture = await fetch(`${server.url}/v1/images/7/picture`);
    expect(picture.headers.get('content-type')).toBe('image/png');
    expect(new Uint8Array(await picture.arrayBuffer())).toEqual(new Uint8Array(PICTURE));
    const document = (await call(`${server.url}/docs/json`)).body as { paths: Record<string, unknown> };
    expect(Object.keys(document.paths)).toEqual(
      expect.arrayContaining([
        '/v1/answer',
        '/v1/explain',
        '/v1/model',
        '/v1/images',
        '/healthz',
        '/readyz',
        '/metrics',
      ]),
    );
  });

  test('say whether a text was truncated, at the length that /v1/model names', async () => {
    const { maxLength } = (await call(`${server.url}/v1/model`)).body as { maxLength: number };
    expect(maxLength).toBe(64); // the positions of the model
    const truncatedOf = async (words: number): Promise<unknown> => {
      const body = { ...QUESTION, question: Array(words).fill('dog').join(' ') };
      const bodies = await Promise.all(
        ['answer', 'explain'].map(async (path) => (await call(`${server.url}/v1/${path}`, body)).body),
      );
      return bodies.map((one) => (one as { truncated?: boolean }).truncated);
    };
    expect(await truncatedOf(maxLength - 4)).toEqual([undefined, undefined]); // beside [CLS], `?`, [MASK] and [SEP]
    expect(await truncatedOf(maxLength - 3)).toEqual([true, true]);
  });

  test('follow from the example of a body, which needs no change', async () => {
    expect(await expectUsableExample(server)).toEqual({ image: '7' });
    expect(await expectUsableExample(await start({ features: undefined }))).toEqual({
      features: [Array<number>(REGION_DIM).fill(0)],
    });
  });

  test.each([
    ['an empty text', { ...QUESTION, question: ' ' }, 400, 'question: expected a text, received an empty one'],
    ['a number in its place', { ...QUESTION, question: 3 }, 400, 'question: expected a text, received 3'],
    ['no image', { question: 'a', regions: {} }, 400, 'regions: expected one of { image: "ID" } of the store'],
    [
      'two images',
      { ...QUESTION, regions: [{ image: '7' }, { image: '8' }] },
      400,
      'regions: expected an object, received [{"image":"7"},{"image":"8"}]',
    ],
    [
      'an unknown image',
      { ...QUESTION, regions: { image: '../secret' } },
      404,
      'the store has no "../secret" among its 3 images; GET /v1/images?search=TEXT finds ids, limit and offset choose',
    ],
    ['an unknown field', { ...QUESTION, top: 3 }, 400, 'body: unknown top; known: question, regions, topK'],
    ['a field of the prototype', '{"__proto__": {"question": "a"}}', 400, 'expected a body of valid JSON'],
    [
      'ragged features',
      { ...QUESTION, regions: { features: [[1, 2], [1]] } },
      400,
      'regions.features: expected 1 to 256 rows of 1 to 16384 finite numbers, of equal length, received 1 number in row 1, 2 in row 0',
    ],
    [
      'endless features',
      `{"question":"a","regions":{"features":[[1],[1e39]]}}`,
      400,
      'of equal length, received 1e+39 as number 0 of row 1',
    ],
    ['flat features', { ...QUESTION, regions: { features: [1, 2] } }, 400, 'received 1 as row 0'],
    ['no features', { ...QUESTION, regions: { features: [] } }, 400, 'received 0 rows'],
    ['empty features', { ...QUESTION, regions: { features: [[]] } }, 400, 'received 0 numbers in row 0'],
    ['many features', { ...QUESTION, regions: { features: Array(257).fill([1]) } }, 400, 'received 257 rows'],
    [
      'an image with features',
      { ...QUESTION, regions: { image: '7', features: [[1]] } },
      400,
      'expected one of { image: "ID" } of the store, { features: [[...], ...] } and { picture: "BASE64" }, received image and features',
    ],
    ['narrow features', { ...QUESTION, regions: { features: [[1, 2]] } }, 422, 'expected regions 5 wide'],
    ['a picture', { ...QUESTION, regions: { picture: 'AAAA' } }, 422, 'this server has no detector'],
    ['no JSON', '{"question": ', 400, 'expected a body of valid JSON'],
    ['too many values', { ...QUESTION, question: Array(20_000).fill(0) }, 422, 'expected at most 10000 values'],
    [
      'too long a text',
      { ...QUESTION, question: 'a'.repeat(2001) },
      400,
      'question: expected a text of at most 2000 characters, received 2001',
    ],
    ['too many answers', { ...QUESTION, topK: 1000 }, 400, 'topK: expected a number of at most 100, received 1000'],
    ['no answers', { ...QUESTION, topK: 0 }, 400, 'topK: expected a number of at least 1, received 0'],
    ['half an answer', { ...QUESTION, topK: 1.5 }, 400, 'topK: expected a whole number, received 1.5'],
    ['no body', 'null', 400, 'body: expected an object, received null'],
    [
      'too few boxes',
      { ...QUESTION, regions: { features: [[1], [2]], boxes: [[1, 2, 3, 4]] } },
      400,
      'regions: expected as many boxes as rows of features, received 1 and 2',
    ],
    [
      'flat boxes',
      { ...QUESTION, regions: { features: [[1]], boxes: [[1, 2]] } },
      400,
      'regions.boxes.0: expected a list of at least 4, received 2',
    ],
    [
      'no width',
      { ...QUESTION, regions: { image: '7', width: 0 } },
      400,
      'regions.width: expected a number of more than 0, received 0',
    ],
  ])('are refused for %s, with what was expected', async (_, body, status, message) => {
    const refused = await call(`${server.url}/v1/answer`, body);
    expect(refused).toMatchObject({ status, body: { status, message: expect.stringContaining(message) } });
    expect(JSON.stringify(refused.body)).not.toMatch(/node:|\.ts:|\n {4}at /);
  });

  test('for explanations and lists of images name the field', async () => {
    const messageOf = async (path: string, body?: object): Promise<unknown> =>
      ((await call(`${server.url}${path}`, body)).body as { message: string }).message;
    expect(await messageOf('/v1/explain', { ...QUESTION, method: 'saliency' })).toBe(
      'method: expected one of attention, rollout, relevance, leave-out, received "saliency"',
    );
    expect(await messageOf('/v1/explain', { ...QUESTION, answer: true })).toBe(
      'answer: expected the text of an answer, or its index, received true',
    );
    expect(await messageOf('/v1/images?limit=0')).toBe('limit: expected a number of at least 1, received 0');
    expect(await messageOf('/v1/images?offset=a')).toBe('offset: expected a number, received NaN');
  });

  test('of other tasks and addresses say what there is', async () => {
    expect(await call(`${server.url}/v1/ground`, {})).toMatchObject({
      status: 409,
      body: {
        message: expect.stringContaining(
          'the task of this model, received one for phrase-grounding: POST /v1/answer or /v1/explain',
        ),
      },
    });
    expect((await call(`${server.url}/v1/nothing`, {})).status).toBe(404);
    const wrongMethod = await call(`${server.url}/v1/answer?a=1`);
    expect(wrongMethod).toMatchObject({ status: 405, body: { message: 'expected POST for /v1/answer, received GET' } });
    expect(wrongMethod.headers.get('allow')).toBe('POST');
    for (const path of ['..%2Fsecret', '..%2f..%2f..%2fetc%2fpasswd', '%00', 'secret'])
      expect((await call(`${server.url}/v1/images/${path}/picture`)).status).toBe(404);
    for (const [path, status] of [
      ['%zz', 400],
      ['a'.repeat(5000), 414],
    ] as const) {
      const { headers, ...refused } = await call(`${server.url}/v1/images/${path}`);
      expect(refused).toMatchObject({ status, body: { status, message: expect.stringMatching(/^.{20,1003}$/) } });
      expect(headers.get('content-security-policy')).toContain("default-src 'none'");
    }
  });

  test('outlive requests of every wrong kind', async () => {
    const random = generator(5);
    const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T;
    const wrong = [
      null,
      -1,
      1e999,
      'a',
      '',
      [],
      {},
      true,
      [[]],
      [[null]],
      { image: 7 },
      'é'.repeat(9),
      Array(50).fill({}),
    ];
    for (let i = 0; i < 300; i++) {
      const body = {
        question: pick(wrong),
        regions: pick(wrong),
        topK: pick(wrong),
        [String(pick(wrong))]: pick(wrong),
      };
      const text = JSON.stringify(body);
      const cut = random(3) === 0 ? text.slice(0, random(text.length)) : text;
      const { status } = await call(`${server.url}/v1/${pick(['answer', 'explain', 'regions'])}`, cut);
      expect([400, 404, 422]).toContain(status);
    }
    expect((await call(`${server.url}/v1/answer`, QUESTION)).status).toBe(200);
  });

  test('go to JSON on this machine alone', async () => {
    const error = 'Unsupported Media Type';
    const refused = await call(`${server.url}/v1/answer`, QUESTION, { 'content-type': 'text/plain' });
    expect(refused.body).toEqual({
      ...{ status: 415, error },
      message: 'expected the header "content-type: application/json", received text/plain',
    });
    const untyped = await fetch(`${server.url}/v1/answer`, { method: 'POST', body: new Uint8Array([123, 125]) });
    expect(await untyped.json()).toEqual({
      ...{ status: 415, error },
      message: 'expected the header "content-type: application/json", received none',
    });
    const rebound = await new Promise<number | undefined>((resolve, reject) => {
      request(`${server.url}/v1/model`, { headers: { host: 'elsewhere.example' } }, ({ statusCode }) =>
        resolve(statusCode),
      )
        .on('error', reject)
        .end();
    });
    expect(rebound).toBe(421);
  });
});

test.each([
  ['visual-reasoning', 'reason', 'VisualBertForVisualReasoning', 'nlvr2', { statement: 'the dog is red' }, ['7', '8']],
  [
    'visual-multiple-choice',
    'choose',
    'VisualBertForMultipleChoice',
    'vcr',
    { question: 'what is it?', choices: ['a dog', 'a man'] },
    ['7'],
  ],
  [
    'phrase-grounding',
    'ground',
    'VisualBertForRegionToPhraseAlignment',
    'flickr',
    { sentence: 'a man near a dog', phrases: ['a man', { first: 3, last: 4 }] },
    ['7'],
  ],
  ['fill-mask', 'fill', 'VisualBertForPreTraining', 'pretraining', { text: 'the [MASK] dog' }, ['7']],
  ['image-text-matching', 'match', 'VisualBertForPreTraining', 'pretraining', { text: 'the red dog' }, ['7']],
] as const)('%s is asked at /v1/%s', async (task, path, name, form, body, ids) => {
  const model = await writeCheckpoint(name, { task: form, config: form === 'nlvr2' ? { numLabels: 2 } : {} });
  const images = ids.map((id) => regionsOfImage(IMAGES.indexOf(id) + 1, 5 + IMAGES.indexOf(id)));
  const loaded = await pipeline<PipelineName>(task, model);
  const input = { ...body, regions: images.length > 1 ? images : images[0] } as PipelineInput<PipelineName>;
  const expected = await loaded(input);
  await loaded.dispose();
  const server = await start({ model, task });
  const regions = ids.map((image) => ({ image }));
  const found = await call(`${server.url}/v1/${path}`, { ...body, regions: regions.length > 1 ? regions : regions[0] });
  expect(found.status).toBe(200);
  const given = Object.values(found.body as object);
  const rounded = (value: unknown): unknown =>
    JSON.parse(JSON.stringify(value, (_, x: unknown) => (typeof x === 'number' ? Number(x.toFixed(5)) : x)));
  expect(rounded(task === 'image-text-matching' ? found.body : given[0])).toEqual(rounded(expected));
  expect(
    (await call(`${server.url}/v1/explain`, { ...body, regions: regions.length > 1 ? regions : regions[0] })).status,
  ).toBe(200);
  await expectUsableExample(server);
});
