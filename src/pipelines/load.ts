// Loads the parts of a pipeline: the class that config.json names, its processor, and its head.
import { loadConfig, type VisualBertConfig } from '../config/config.js';
import { namedClass } from '../config/config-json.js';
import { ConfigError } from '../errors.js';
import type { ModelClass } from '../models/contract.js';
import type { FromPretrainedOptions } from '../models/pretrained/types.js';
import { VisualBertPreTrainedModel } from '../models/pretrained-model.js';
import { detectorText } from '../features/detector-identity.js';
import type { PictureDetector } from '../features/picture-detector.js';
import { VisualBertModel } from '../models/visual-bert-model.js';
import { isLocated, locatePretrained, type PretrainedFiles, type PretrainedSource } from '../platform/locate.js';
import { loadProcessor } from '../processing/load-processor.js';
import { VisualBertProcessor } from '../processing/processor.js';
import { warnAboutDetector } from '../processing/detector-warning.js';
import { BOX_FEATURE_DIM } from '../processing/region-inputs.js';
import type { PipelineInput, PipelineName, PipelineOptions } from './contract.js';
import type { PipelineExample } from './example.js';
import type { PipelineDefinition, PipelineHead } from './head.js';
import { requireInput } from './input.js';
import { imagesOf, isSourced, readRegions } from './regions.js';
import { definitionOf, PIPELINE_NAMES, tasksOfClass } from './tasks.js';
import { warnAboutBoxes } from './warnings.js';
import { defined, shown } from '../options.js';
import type { ForwardPass } from '../inference/forward-pass.js';

/** The parts of a pipeline. */
export interface PipelineParts<T extends PipelineName> {
  task: T;
  model: VisualBertPreTrainedModel;
  processor: VisualBertProcessor;
  head: PipelineHead<T>;
  forward: ForwardPass;
  /** Whether the caller owns the model, which is then not freed with the pipeline. */
  isBorrowed?: boolean;
}

/** Creates a pipeline's forward pass on the platform's backends. */
export interface ForwardPasses {
  /** Loads a model and its forward pass. */
  load(
    Model: ModelClass<VisualBertPreTrainedModel>,
    files: PretrainedFiles,
    options: FromPretrainedOptions,
  ): Promise<{ model: VisualBertPreTrainedModel; forward: ForwardPass }>;
  /** The forward pass of a model in memory. */
  around(model: VisualBertPreTrainedModel): Promise<ForwardPass>;
}

/** A loaded model, with the processor of its inputs. */
export interface PipelineModel {
  model: VisualBertPreTrainedModel;
  processor: VisualBertProcessor;
}

/** What a pipeline is loaded from. */
export type PipelineSource = PretrainedSource | PipelineModel;

/**
 * Loads a task's parts from a folder, an address or a repository of the hub, or from a model in memory.
 * @throws ConfigError for an unknown task, a checkpoint of another class, or one without answers; CheckpointError for one without weights of
 * its head.
 */
export async function loadParts<T extends PipelineName>(
  task: T,
  where: PipelineSource,
  options: PipelineOptions,
  passes: ForwardPasses,
): Promise<PipelineParts<T>> {
  const definition = definitionOf(task);
  if (definition === undefined)
    throw new ConfigError(`unknown task ${task}; the tasks are ${PIPELINE_NAMES.join(', ')}`);
  if (typeof where === 'string' || isLocated(where))
    return { task, ...(await readParts(task, where, definition, options, passes)) };
  const isModel = where?.model instanceof VisualBertPreTrainedModel && where.processor instanceof VisualBertProcessor;
  if (!isModel)
    throw new ConfigError(
      `${task}: expected a folder, an address, a repository of the hub, or { model, processor }, received ${shown(where)}`,
    );
  const parts = partsAround(task, where, definition, options);
  return { task, ...parts, forward: await passes.around(parts.model) };
}

async function readParts<T extends PipelineName>(
  task: T,
  where: PretrainedSource,
  definition: PipelineDefinition<T>,
  {
    answers,
    textForm,
    maxLength,
    maxRegions,
    detector,
    batchSize: _batchSize,
    allowFreshWeights,
    ...hub
  }: PipelineOptions,
  passes: ForwardPasses,
): Promise<Omit<PipelineParts<T>, 'task'>> {
  const files = await locatePretrained(where, hub);
  const { config } = await loadConfig(files);
  requireClass(task, files.where, config, definition);
  const processor = new VisualBertProcessor(
    await loadProcessor(files, {
      ...hub,
      ...defined({ answers, task: textForm, maxLength, maxRegions }),
      defaultTask: definition.textForm,
    }),
  );
  requireWidth(files.where, processor, detector);
  const head = createHead(task, definition, config, processor, detector);
  const weights = { allowFreshWeights: freshWeightsOfAnswers(allowFreshWeights) };
  return { processor, head, ...(await passes.load(definition.Model, files, { ...hub, ...weights })) };
}

/** Option for loading a model for prediction: false rejects parameters that the file lacks, undefined warns. */
export function freshWeightsOfAnswers(areAllowed: boolean | undefined): undefined | false {
  return areAllowed === true ? undefined : false;
}

/** The parts for a model in memory, which its owner keeps: options of loading are rejected. */
function partsAround<T extends PipelineName>(
  task: T,
  { model, processor }: PipelineModel,
  definition: PipelineDefinition<T>,
  { detector, batchSize: _batchSize, ...loading }: PipelineOptions,
): Omit<PipelineParts<T>, 'task' | 'forward'> {
  const [without] = Object.keys(loading);
  if (without !== undefined)
    throw new ConfigError(`${task}: ${without} is an option of loading, and a loaded model was given; leave it out`);
  if (![VisualBertModel.className, model.className].includes(definition.Model.className))
    throw new ConfigError(
      `${task}: expected a ${definition.Model.className}, received a ${model.className}; load the checkpoint with the expected class`,
    );
  requireWidth(model.className, processor, detector);
  return { processor, model, isBorrowed: true, head: createHead(task, definition, model.config, processor, detector) };
}

/** The head of a task, with a check of its inputs. */
function createHead<T extends PipelineName>(
  task: T,
  definition: PipelineDefinition<T>,
  config: VisualBertConfig,
  processor: VisualBertProcessor,
  detector: PictureDetector | undefined,
): PipelineHead<T> {
  const readPicture = processor.pictureReader(detector);
  const head = definition.createHead({
    processor,
    config,
    readImages: async (regions) =>
      Promise.all(
        imagesOf(regions).map(async (image) => {
          const read = await readRegions(image, readPicture);
          if (isSourced(image)) warnAboutDetector(processor.trainedWith, image.source.detector, image.source.name);
          warnAboutBoxes(read, processor);
          return processor.fitRegions(read);
        }),
      ),
  });
  const encode = async (input: PipelineInput<T>): Promise<PipelineExample> => {
    requireInput(task, input, definition.input);
    return head.encode(input);
  };
  return { ...head, encode };
}

/** Rejects a detector of another width before it is run. */
function requireWidth(
  where: string,
  { visualEmbeddingDim, trainedWith }: VisualBertProcessor,
  detector: PictureDetector | undefined,
): void {
  const dim = detector?.dim;
  if (dim === undefined || dim === visualEmbeddingDim || dim + BOX_FEATURE_DIM === visualEmbeddingDim) return;
  const pixels = detector?.pixels === undefined ? trainedWith?.pixels : undefined;
  throw new ConfigError(
    `detector: expected regions ${visualEmbeddingDim} wide for ${where}, received ${dim} from ${typeof detector?.name === 'string' ? `the detector ${detector.name}` : 'a detector without a name'}; ` +
      (pixels === undefined
        ? `use the detector that it was trained with${trainedWith === null ? '' : `, ${detectorText(trainedWith)}`}`
        : `it was trained with pixel features: give pixelDetector(detector, { cells: ${pixels.cells}, look: '${pixels.look}' }), or open the detector with openPictureDetector`),
  );
}

/** Every class has the backbone that `feature-extraction` runs; each head belongs to one class. */
function requireClass<T extends PipelineName>(
  task: T,
  where: string,
  { extra }: VisualBertConfig,
  { Model }: PipelineDefinition<T>,
): void {
  const found = namedClass(extra);
  if (Model.className === VisualBertModel.className || found === null || found === Model.className) return;
  const others = tasksOfClass(found);
  throw new ConfigError(
    `${task}: expected a checkpoint of ${Model.className}, received ${where}, whose config.json names ${found}` +
      (others.length === 0 ? '' : `; it can do ${others.join(', ')}, and feature-extraction`),
  );
}
