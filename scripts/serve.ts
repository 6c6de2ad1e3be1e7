// visualbert serve: serves a checkpoint over HTTP, with a web page. Starts in seconds and runs until a signal ends it.
import type { Argv, CommandModule } from 'yargs';
import {
  listenForStop,
  openPictureDetector,
  serve as startServer,
  SERVE_OPTIONS,
  type ServeOptions,
  setLogger,
} from '../src/node.js';
import { printError } from './command-line.js';
import { BACKEND_FLAGS, type BackendArguments, useBackend } from './flags/backend.js';
import { refuseUnused } from './flags/checks.js';
import { checkpointFlags, sourceOf } from './flags/checkpoint.js';
import { featureFlags, type OneInputArguments, pixelsOf } from './flags/one-input.js';
import { FRESH_WEIGHTS_FLAG, JSON_FLAG, precisionFlag } from './flags/results.js';
import { DETECTOR_DESCRIPTION } from './flags/stores.js';
import { flagsOf } from './flags/settings.js';
import {
  type ComputingOptions,
  defined,
  type ListenOptions,
  PICTURE_FEATURE_OPTIONS,
  type PictureFeatureOptions,
  SERVE_LIMITS,
} from './flags/internal.js';

interface ServeArguments
  extends
    BackendArguments,
    ListenOptions,
    Pick<OneInputArguments, 'run' | 'model' | 'features' | 'answers' | keyof PictureFeatureOptions>,
    Omit<ComputingOptions, 'batchSize'> {
  pictures?: string[];
  detector?: string;
  /** False for `--no-token`. */
  token?: string | false;
  limitBody?: number;
  limitRegions?: number;
  limitCharacters?: number;
  limitWaiting?: number;
  limitSeconds?: number;
  json: boolean;
  debug?: boolean;
}

const MEGABYTE = 2 ** 20;
const [IMAGES, LISTEN] = ['Images:', 'Listen:'];
const { host, port, logLevel, batchSize } = SERVE_OPTIONS;
const { bodyBytes, regions, characters, waiting, seconds } = SERVE_LIMITS;

/** The limits by their flags; that of the body is in MB. */
const LIMITS = {
  limitBody: bodyBytes
    .unwrap()
    .default(bodyBytes.parse(undefined) / MEGABYTE)
    .describe(`${bodyBytes.description} in MB`),
  limitRegions: regions,
  limitCharacters: characters,
  limitWaiting: waiting,
  limitSeconds: seconds,
};

const serve: CommandModule<object, ServeArguments> = {
  command: 'serve',
  describe: 'Serve a checkpoint over HTTP, with a web page',
  builder: (yargs: Argv) =>
    yargs
      .options({
        ...checkpointFlags(),
        ...featureFlags(IMAGES),
        features: {
          type: 'string',
          array: true,
          describe:
            'region features by image id, in any format of docs/data.md; without them requests must contain regions',
          group: IMAGES,
        },
        answers: { type: 'string', describe: 'list of answers, for a model without one' },
        pictures: {
          type: 'string',
          array: true,
          describe: 'pictures of the images for the page: folders, archives or tables, by image id',
          group: IMAGES,
        },
        detector: {
          type: 'string',
          describe: `detects regions in uploaded pictures: ${DETECTOR_DESCRIPTION}`,
          group: IMAGES,
        },
        ...flagsOf({ host, port, logLevel }, LISTEN),
        token: {
          type: 'string',
          describe: 'token that requests must send (Authorization: Bearer TOKEN); --no-token: none',
          defaultDescription: '$VISUALBERT_TOKEN',
          group: LISTEN,
        },
        json: { ...JSON_FLAG.json, describe: 'print the address as JSON', group: LISTEN },
        ...flagsOf({ batchSize }),
        ...precisionFlag(),
        ...FRESH_WEIGHTS_FLAG,
        ...flagsOf(LIMITS, 'Limits:'),
        ...BACKEND_FLAGS,
      })
      .example('$0 serve --run runs/vqa --features val_36.vbf --pictures val2014', 'then open http://127.0.0.1:8000')
      .example(
        'VISUALBERT_TOKEN=... $0 serve --run runs/vqa --host 0.0.0.0 --features val_36.vbf',
        '',
      ) as unknown as Argv<ServeArguments>,
  handler: async (flags) => {
    if (flags.features === undefined)
      refuseUnused(
        flags,
        ['pictures', ...Object.keys(PICTURE_FEATURE_OPTIONS)],
        'a server without a store; give --features, or leave it out',
      );
    await useBackend(flags, 'infer');
    const server = await startServer(await optionsOf(flags));
    setLogger(server.log);
    const { task, url } = server;
    console.log(flags.json ? JSON.stringify({ task, url }, null, 2) : `${task} at ${url}`);
    listenForStop((signal) => {
      server.log.info(`${signal}: answering the received requests, then ending`);
      void server.close().then(
        () => process.exit(0),
        (error: unknown) => {
          printError(error, flags.debug === true);
          process.exit(1);
        },
      );
    });
    await server.ready;
  },
};

export const command = serve as CommandModule;

async function optionsOf(flags: ServeArguments): Promise<ServeOptions> {
  const { precision, allowFreshWeights } = flags;
  const listening = defined({
    host: flags.host,
    port: flags.port,
    logLevel: flags.logLevel,
    batchSize: flags.batchSize,
  });
  const model = sourceOf(flags);
  const opened = flags.detector === undefined ? undefined : await openPictureDetector(model, flags.detector);
  if (flags.token === false)
    console.error(`--no-token: every request to ${flags.host ?? host.parse(undefined)} is answered`);
  const limits = defined({
    bodyBytes: flags.limitBody === undefined ? undefined : flags.limitBody * MEGABYTE,
    regions: flags.limitRegions,
    characters: flags.limitCharacters,
    waiting: flags.limitWaiting,
    seconds: flags.limitSeconds,
  });
  return {
    model,
    ...listening,
    ...{ precision, allowFreshWeights, limits },
    pixels: await pixelsOf(flags),
    ...defined({
      features: flags.features,
      answers: flags.answers,
      pictures: flags.pictures,
      detector: opened?.detector,
      token: flags.token ?? process.env.VISUALBERT_TOKEN,
    }),
  };
}
