// What a server is started with, and what a running one gives.
import type { PixelFeatureOptions } from '../features/pixel-options.js';
import type { Logger } from '../logger.js';
import type { PipelineName } from '../pipelines/contract.js';
import type { NodePipelineOptions } from '../pipelines/node-pipeline.js';

/** Bounds that keep one request from taking what others need. */
export interface ServeLimits {
  /** Bytes of a request's body. Default 8 MiB. */
  bodyBytes?: number;
  /** Regions that a request may bring along. Default 256. */
  regions?: number;
  /** Characters of a text. Default 2000. */
  characters?: number;
  /** Requests that may wait for the model; further ones are answered with 503. Default 256. */
  waiting?: number;
  /** How long a request may arrive, and then wait for the model. Default 30. */
  seconds?: number;
}

/** How a server is started. */
export interface ServeOptions extends Pick<
  NodePipelineOptions,
  'answers' | 'detector' | 'precision' | 'compile' | 'batchSize' | 'allowFreshWeights'
> {
  /** Run folder, model folder or hub id. */
  model: string;
  /** For a checkpoint that can do several tasks. Default: the task of its class. */
  task?: PipelineName;
  /** Region features by image id, in any form that `openRegionFeatures` takes. Without them requests bring regions along. */
  features?: string | readonly string[];
  /** Of features from pictures: as in training. */
  pixels?: { grid?: number; cells?: number; look?: PixelFeatureOptions['look'] };
  /** Pictures of the images for the page, in any form that `openPictures` takes. */
  pictures?: string | readonly string[];
  /** Default 127.0.0.1. Any address that is not loopback needs a token. */
  host?: string;
  /** Default 8000; 0 takes a free one. */
  port?: number;
  /** What requests must bring as `Authorization: Bearer TOKEN`; false serves everyone, wherever the server listens. Default: none on loopback. */
  token?: string | false;
  limits?: ServeLimits;
  /** Least important lines of the log that are written, to standard error. Default `info`. */
  logLevel?: LogLevel;
}

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** A server that listens. */
export interface RunningServer {
  /** Its address: `http://127.0.0.1:8000`. */
  readonly url: string;
  readonly task: PipelineName;
  /** The server's log, for the library's warnings: `setLogger(server.log)`. */
  readonly log: Logger;
  /** Resolves when the model has run once with each size of batch, so that no request waits for a recording. */
  readonly ready: Promise<void>;
  /** Takes no more requests, finishes those that it has, and frees the model. */
  close(): Promise<void>;
}

export const DEFAULT_LIMITS: Readonly<Required<ServeLimits>> = {
  bodyBytes: 8 * 2 ** 20,
  regions: 256,
  characters: 2000,
  waiting: 256,
  seconds: 30,
};
