// Options of a server, and the interface of a running one.
import type { PictureFeatureOptions } from '../features/pixel-options.js';
import type { Logger } from '../logger.js';
import type { PipelineName } from '../pipelines/contract.js';
import type { NodePipelineOptions } from '../pipelines/node-pipeline.js';
import type { ListenOptions, ServeLimits } from './options.js';

/** Options of `serve`. */
export interface ServeOptions
  extends
    ListenOptions,
    Pick<NodePipelineOptions, 'answers' | 'detector' | 'precision' | 'compile' | 'allowFreshWeights'> {
  /** Run folder, model folder or hub id. */
  model: string;
  /** For a checkpoint that can do several tasks. Default: the task of its class. */
  task?: PipelineName;
  /** Region features by image id, in any form that `openRegionFeatures` accepts. Without them requests contain regions. */
  features?: string | readonly string[];
  /** Options of features made from pixels, as in training. */
  pixels?: Partial<PictureFeatureOptions>;
  /** Pictures of the images for the page, in any form that `openPictures` accepts. */
  pictures?: string | readonly string[];
  /** Token required as `Authorization: Bearer TOKEN`; false requires none on any address. Default: none on loopback. */
  token?: string | false;
  limits?: ServeLimits;
}

/** A running server. */
export interface RunningServer {
  /** Its address: `http://127.0.0.1:8000`. */
  readonly url: string;
  readonly task: PipelineName;
  /** The server's log, for the library's warnings: `setLogger(server.log)`. */
  readonly log: Logger;
  /** Resolves when the model has run once with each size of batch, so that no request waits for a recording. */
  readonly ready: Promise<void>;
  /** Stops accepting connections, finishes received requests within the time limit, and frees the model. Meanwhile `/readyz` answers 503. */
  close(): Promise<void>;
}
