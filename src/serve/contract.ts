// Options of a server, and the interface of a running one.
import type { ImageFeatureOptions } from '../features/pixel-options.js';
import type { Logger } from '../logger.js';
import type { PipelineName } from '../pipelines/contract.js';
import type { NodePipelineOptions } from '../pipelines/node-pipeline.js';

/** Limits that keep one request from using up shared resources. */
export interface ServeLimits {
  /** Bytes of a request's body. Default 8 MiB. */
  bodyBytes?: number;
  /** Regions in a request. Default 256. */
  regions?: number;
  /** Characters of a text. Default 2000. */
  characters?: number;
  /** Requests that may wait for the model; others are answered with 503. Default 256. */
  waiting?: number;
  /** Timeout for receiving a request, and then for waiting for the model. Default 30. */
  seconds?: number;
}

/** Options of `serve`. */
export interface ServeOptions extends Pick<
  NodePipelineOptions,
  'answers' | 'detector' | 'precision' | 'compile' | 'batchSize' | 'allowFreshWeights'
> {
  /** Run folder, model folder or hub id. */
  model: string;
  /** For a checkpoint that can do several tasks. Default: the task of its class. */
  task?: PipelineName;
  /** Region features by image id, in any form that `openRegionFeatures` accepts. Without them requests contain regions. */
  features?: string | readonly string[];
  /** Options of features made from pixels, as in training. */
  pixels?: Partial<ImageFeatureOptions>;
  /** Pictures of the images for the page, in any form that `openPictures` accepts. */
  pictures?: string | readonly string[];
  /** Default 127.0.0.1. Any other than a loopback address needs a token. */
  host?: string;
  /** Default 8000; 0 picks a free one. */
  port?: number;
  /** Token required as `Authorization: Bearer TOKEN`; false requires none on any address. Default: none on loopback. */
  token?: string | false;
  limits?: ServeLimits;
  /** Minimum level of log lines, which go to standard error. Default `info`. */
  logLevel?: LogLevel;
}

/** Levels of the server log, from most to least verbose. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
/** A level of the server log. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** A running server. */
export interface RunningServer {
  /** Its address: `http://127.0.0.1:8000`. */
  readonly url: string;
  readonly task: PipelineName;
  /** The server's log, for the library's warnings: `setLogger(server.log)`. */
  readonly log: Logger;
  /** Resolves when the model has run once with each size of batch, so that no request waits for a recording. */
  readonly ready: Promise<void>;
  /** Stops accepting requests, finishes pending ones, and frees the model. */
  close(): Promise<void>;
}

export const DEFAULT_LIMITS: Readonly<Required<ServeLimits>> = {
  bodyBytes: 8 * 2 ** 20,
  regions: 256,
  characters: 2000,
  waiting: 256,
  seconds: 30,
};
