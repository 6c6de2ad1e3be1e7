// Measures `visualbert serve` and FastAPI with transformers: throughput and latency under load, memory over many requests, malformed requests.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { memorySource, packFeatures, writeSafetensors } from '../../src/node.js';
import { writeWhole } from '../../src/byte-sink.js';
import { createSink } from '../../src/platform/node.js';
import { pipelineCheckpoint, pipelineRegions } from '../data/pipeline-checkpoint.js';
import type { Row } from '../report/rows.js';
import { mean, median, percentile } from '../report/statistics.js';
import { benchCache, canImport } from '../subjects/python-env.js';
import { fuzz } from './malformed.js';
import { load, post, residentMb, type ServedProcess, type ServerFiles, startOurs, startTheirs } from './load.js';

export interface ServeBenchOptions {
  python: string;
  /** Folder with questions.json, answers.txt and vocab.txt. */
  data: string;
  threads: number;
  /** Turns of each side; the first is for warming up. */
  rounds: number;
  /** Seconds of load on each side, over all measured turns. */
  seconds: number;
  log: (line: string) => void;
}

const [CLIENTS, BATCH, IMAGES] = [64, 16, 64];
/** Number of requests of the memory measurement, and of requests between two samples and two lines of the log. */
const [MANY, BETWEEN, LOGGED] = [60_000, 200, 4000];
const [MALFORMED, MALFORMED_CLIENTS, OTHERS] = [5000, 4, 4];
/** A model that answers thousands of requests in seconds. */
const SMALL = { hiddenSize: 64, numHiddenLayers: 2, numAttentionHeads: 4, intermediateSize: 128 };

/** @throws Error when Python lacks FastAPI and uvicorn, or the two servers give other answers */
export async function measureServe(options: ServeBenchOptions): Promise<Row[]> {
  const { python, data, threads } = options;
  if (!canImport(python, 'fastapi, uvicorn'))
    throw new Error(`${python} cannot import fastapi and uvicorn; install them there`);
  const images = await regionFiles();
  const files = { ...images, threads, batch: BATCH };
  const bodyAt = questionsOf(data);
  const compared = await compare({ ...files, model: await pipelineCheckpoint(data) }, bodyAt, options);
  const small = await startOurs({ ...files, model: await pipelineCheckpoint(data, 'pipeline-small', SMALL) });
  try {
    return [
      ...compared,
      await watchMemory(small, bodyAt, options.log),
      ...(await withMalformed(small, bodyAt, options.log)),
    ];
  } finally {
    await small.stop();
  }
}

async function compare(
  files: ServerFiles,
  bodyAt: (i: number) => object,
  { python, rounds, seconds, log }: ServeBenchOptions,
): Promise<Row[]> {
  const servers = [await startOurs(files), await startTheirs(python, files)];
  try {
    await requireSameAnswers(servers, bodyAt);
    const measured = servers.map(() => ({ rates: [] as number[], latencies: [] as number[], errors: 0 }));
    for (let round = 0; round < rounds; round++) {
      for (const [i, { label, url }] of servers.entries()) {
        const turn = seconds / (rounds - 1);
        const found = await load(url, CLIENTS, bodyAt, (_, passed) => passed >= turn);
        const rate = found.latencies.length / found.seconds;
        log(
          `  ${label}: ${rate.toFixed(1)} requests/s, p99 ${percentile(found.latencies, 0.99).toFixed(0)} ms, ${found.errors} errors`,
        );
        if (round === 0) continue;
        measured[i]?.rates.push(rate);
        measured[i]?.latencies.push(...found.latencies);
        (measured[i] as { errors: number }).errors += found.errors;
      }
    }
    const [ours, theirs] = measured as [(typeof measured)[0], (typeof measured)[0]];
    const row = (
      what: string,
      a: number,
      b: number | null,
      target: number | null,
      unit: Row['unit'],
      isLeast = false,
    ): Row => ({
      ...{ measurement: 'serve', batch: BATCH, what, ours: a, theirs: b, unit, target, isLeast },
    });
    const at = (share: number): [number, number] => [
      percentile(ours.latencies, share),
      percentile(theirs.latencies, share),
    ];
    return [
      row(
        `serve: requests per second of ${CLIENTS} clients / FastAPI`,
        mean(ours.rates),
        mean(theirs.rates),
        1.3,
        '',
        true,
      ),
      row('serve: latency, p99', ...at(0.99), 1, 'ms'),
      row('serve: latency, median', ...at(0.5), null, 'ms'),
      row('serve: requests without an answer', ours.errors, null, 0, ''),
      row('serve: resident memory', ...(servers.map(residentMb) as [number, number]), null, 'MB'),
    ];
  } finally {
    for (const server of servers) await server.stop();
  }
}

async function requireSameAnswers(servers: readonly ServedProcess[], bodyAt: (i: number) => object): Promise<void> {
  for (let i = 0; i < 5; i++) {
    const answers = await Promise.all(
      servers.map(async ({ url }) => {
        const response = await post(url, bodyAt(i));
        return ((await response.json()) as { answers: { answer: string; score: number }[] }).answers;
      }),
    );
    const [ours = [], theirs = []] = answers;
    const isSame = ours.every(
      ({ answer, score }, j) => theirs[j]?.answer === answer && Math.abs(theirs[j].score - score) < 1e-5,
    );
    if (!isSame || ours.length === 0) throw new Error(`the servers answer differently: ${JSON.stringify(answers)}`);
  }
}

/**
 * Compares the medians of two thirds of the requests: what dies while it waits is collected every ten seconds or so, and resident memory rises by
 * 100 MB between. The first third is for warming up.
 */
async function watchMemory(
  server: ServedProcess,
  bodyAt: (i: number) => object,
  log: (line: string) => void,
): Promise<Row> {
  const samples: number[] = [];
  for (let answered = 0; answered < MANY; answered += BETWEEN) {
    const { errors } = await load(server.url, CLIENTS, bodyAt, (count) => count >= BETWEEN);
    samples.push(residentMb(server));
    if (errors > 0) throw new Error(`${errors} of ${BETWEEN} requests were not answered`);
  }
  const logged = samples.filter((_, i) => ((i + 1) * BETWEEN) % LOGGED === 0).map((mb) => mb.toFixed(0));
  log(`  small model, resident MB after each ${LOGGED} requests: ${logged.join(' ')}`);
  const third = samples.length / 3;
  const [first, last] = [samples.slice(third, 2 * third), samples.slice(2 * third)].map(median) as [number, number];
  const what = `serve: resident memory in the last ${MANY / 3} of ${MANY} requests / in those before (small model)`;
  return { measurement: 'serve', batch: BATCH, what, ours: last, theirs: first, unit: 'MB', target: 1.05 };
}

/** Malformed requests among valid ones, which must still be answered. */
async function withMalformed(
  server: ServedProcess,
  bodyAt: (i: number) => object,
  log: (line: string) => void,
): Promise<Row[]> {
  const before = await load(server.url, OTHERS + MALFORMED_CLIENTS, bodyAt, (_, seconds) => seconds >= 5);
  let isDone = false;
  const [statuses, during] = await Promise.all([
    fuzz(server.url, MALFORMED, MALFORMED_CLIENTS).finally(() => (isDone = true)),
    load(server.url, OTHERS, bodyAt, () => isDone),
  ]);
  log(
    `  malformed: ${[...statuses]
      .sort(([a], [b]) => a - b)
      .map(([status, count]) => `${count} x ${status}`)
      .join(', ')}`,
  );
  const failures = [...statuses].reduce(
    (sum, [status, count]) => sum + (status >= 500 || status === 200 ? count : 0),
    0,
  );
  const row = (what: string, ours: number, theirs: number | null, target: number, unit: Row['unit']): Row => ({
    ...{ measurement: 'serve', batch: BATCH, what, ours, theirs, unit, target },
  });
  return [
    row(`serve: of ${MALFORMED} malformed requests, answered with 200 or 5xx`, failures, null, 0, ''),
    row('serve: other requests beside them without an answer', during.errors, null, 0, ''),
    row(
      'serve: their median latency / beside as many good requests',
      median(during.latencies),
      median(before.latencies),
      2,
      'ms',
    ),
  ];
}

/** Bodies of questions about the images, in turn. */
function questionsOf(data: string): (i: number) => object {
  const { questions } = JSON.parse(readFileSync(join(data, 'questions.json'), 'utf8')) as {
    questions: { question: string }[];
  };
  return (i) => ({ question: questions[i % questions.length]?.question, regions: { image: `${i % IMAGES}` }, topK: 5 });
}

/** The same regions for both sides, created once. */
async function regionFiles(): Promise<{ store: string; safetensors: string }> {
  const [store, safetensors] = [join(benchCache(), 'serve.vbf'), join(benchCache(), 'serve.safetensors')];
  if (existsSync(store) && existsSync(safetensors)) return { store, safetensors };
  const regions = Array.from({ length: IMAGES }, (_, seed) => [`${seed}`, pipelineRegions(seed)] as const);
  if (!existsSync(store)) await packFeatures(memorySource('made', regions), store);
  if (!existsSync(safetensors)) {
    const tensors = regions.map(([name, { features, count, dim }]) => {
      const bytes = (): Uint8Array => new Uint8Array(features.buffer, features.byteOffset, features.byteLength);
      return { name, dtype: 'F32' as const, shape: [count, dim], bytes };
    });
    await writeWhole(await createSink(safetensors), (sink) => writeSafetensors(sink, tensors));
  }
  return { store, safetensors };
}
