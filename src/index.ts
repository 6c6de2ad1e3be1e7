// The public surface for browser and Node: config, layers, models, losses, processor, checkpoints from bytes or a URL, the eager step.
/** The copy of TensorFlow.js that the package computes with. */
export { tf } from '#tf';
export {
  ConfigError,
  ShapeError,
  CheckpointError,
  DataError,
  EngineError,
  HubError,
  TrainingError,
  WorkerError,
} from './errors.js';
export { setLogger } from './logger.js';
export { setFetch } from './platform/http.js';
export type { Fetch } from './platform/http.js';
export type { Logger } from './logger.js';
export type { FloatsInFile, RawDType, RawTensor, RawTensors } from './raw-tensor.js';
export { ZipWriter } from './formats/zip/zip-writer.js';
export { bytesSource } from './byte-source.js';
export type { ByteSource } from './byte-source.js';
export { memorySink } from './byte-sink.js';
export type { ByteSink, MemorySink } from './byte-sink.js';
export { openTensorFile } from './checkpoint/open.js';
export type { StoredTensor, TensorFile, TensorFileFormat } from './checkpoint/tensor-file.js';
export type { StoredDType } from './stored-dtype.js';
export { writeSafetensors } from './checkpoint/safetensors.js';
export type { TensorToWrite } from './checkpoint/safetensors.js';
export { writePytorch } from './checkpoint/pytorch-writer.js';
export { likelyReason } from './models/pretrained/fresh-weights.js';
export type { FromPretrainedOptions, LoadingReport, SavePretrainedOptions } from './models/pretrained/types.js';
export type { Architecture, CheckpointTraits } from './models/pretrained/classify.js';
export { VisualBertConfig } from './config/config.js';
export type { Activation } from './layers/activations.js';
export type { VisualBertConfigOptions } from './config/config.js';
export { hash32 } from './random/philox.js';
export { philoxKey, philoxUniform } from './random/philox-uniform.js';
export { normalValues, permutation, uniformValues } from './random/values.js';
export { createTrainingStep } from './training/step/eager-step.js';
export type { StepResult, TrainingStep } from './training/step/contract.js';
export type { TrainingStepOptions } from './training/step/options.js';
export type { InputValues, OutputTensors } from './inference/runnable-model.js';
export type { CollateOptions, Dataset, Metric, Task } from './evaluation/task.js';
export type { Batch } from './inference/fill-batch.js';
export { VisualBertModel } from './models/visual-bert-model.js';
export type { BaseModelOutputs, VisualBertModelOptions } from './models/visual-bert-model.js';
export { VisualBertForPreTraining } from './models/pre-training.js';
export type { PreTrainingOutputs } from './models/pre-training.js';
export { VisualBertForMultipleChoice } from './models/multiple-choice.js';
export { VisualBertForRegionToPhraseAlignment } from './models/region-to-phrase-alignment.js';
export { VisualBertForQuestionAnswering } from './models/question-answering.js';
export { VisualBertForVisualReasoning } from './models/visual-reasoning.js';
export { VisualBertPreTrainedModel } from './models/pretrained-model.js';
export type { ForwardOptions, ModelOptions, ParameterHolder } from './models/contract.js';
export type { ResizeOptions } from './models/surgery.js';
export { valueAndGradients } from './models/value-and-gradients.js';
export type { GradientOptions, ValueAndGradients } from './models/value-and-gradients.js';
export { crossEntropy, klDivergence } from './models/losses.js';
export type { InputValue } from './models/inputs/checked-input.js';
export type { ModelInputs, TensorInputs } from './models/inputs/inputs.js';
export type { LogitsOutputs, ModelOutputs } from './models/outputs.js';
export type { ComputeContext } from './models/backbone.js';
export { onnxInputs } from './convert/onnx/inputs.js';
export type { OnnxTensor } from './convert/onnx/inputs.js';
export { Classifier } from './layers/classifier.js';
export { Embeddings } from './layers/embeddings.js';
export { EncoderLayer } from './layers/encoder-layer.js';
export { MaskedLmHead } from './layers/masked-lm-head.js';
export { Pooler } from './layers/pooler.js';
export { RegionToPhraseAttention } from './layers/region-to-phrase-attention.js';
export { ACTIVATION_NAMES, activationFunction } from './layers/activations.js';
export { seededInitializer } from './layers/initializers.js';
export type { WeightInit, WeightInitializer } from './layers/initializers.js';
export { VisualBertProcessor } from './processing/processor.js';
export type { DecodedAnswer } from './processing/processor.js';
export type { LoadProcessorOptions, ProcessorOptions } from './processing/processor-options.js';
export type { ProcessorInputs } from './processing/processor-inputs.js';
export { bucketOf, DEFAULT_BUCKETS, NO_BUCKETS, padBatch } from './processing/batch.js';
export type { Buckets, EncodedExample, EncodedText, PadOptions } from './processing/batch.js';
export type { RegionInput, BoxInput, TensorLike } from './processing/region-inputs.js';
export { pipeline } from './pipelines/pipeline.js';
export { PIPELINE_NAMES } from './pipelines/tasks.js';
export type { PipelineModel } from './pipelines/load.js';
export type {
  CallOptions,
  ChoiceInput,
  ClassScore,
  ExtractedFeatures,
  FeatureInput,
  FilledMask,
  GroundedPhrase,
  GroundingInput,
  ImageTextMatch,
  MaskedInput,
  MatchingInput,
  PhraseInput,
  Pipeline,
  PipelineInput,
  PipelineName,
  PipelineOptions,
  PipelineOutput,
  PipelineTypes,
  QuestionInput,
  RankingOptions,
  ScoredChoice,
  ScoredRegion,
  StatementInput,
} from './pipelines/contract.js';
export type { RegionsOfImage, SourcedImage } from './pipelines/regions.js';
export type { DetectorIdentity, StoredDetector } from './features/detector-identity.js';
export type { HubOptions, HubProgress } from '#platform';
export type { Picture, PictureDetector } from './features/picture-detector.js';
export { explain } from './explain/explain.js';
export { EXPLANATION_METHODS } from './explain/contract.js';
export { pageDataOf } from './explain/page/data.js';
export type { PageData, PageOptions } from './explain/page/data.js';
export { explanationPage } from './explain/page/page.js';
export { pictureUrl } from './html/picture-url.js';
export { html } from './html/escape.js';
export type { Fragment, Markup } from './html/escape.js';
export { htmlPage } from './html/page.js';
export type { PageParts } from './html/page.js';
export { lineChart } from './html/line-chart.js';
export type { ChartOptions, Series } from './html/line-chart.js';
export type {
  ExplainedAnswer,
  ExplainedImage,
  ExplainedRegion,
  ExplainedWord,
  ExplainOptions,
  Explanation,
  ExplanationMethod,
} from './explain/contract.js';
export type { TextFormName } from './processing/text-forms.js';
export type { VcrToken } from './processing/vcr-names.js';
export {
  AnswerVocabulary,
  buildAnswers,
  parseAnswers,
  requireAuthorsAnswers,
  UNKNOWN_ANSWER,
} from './processing/answer-vocabulary.js';
export type { BuildAnswersOptions } from './processing/answer-vocabulary.js';
export type { RegionFeatures, RegionFeatureSource } from './features/region-features.js';
export type { RegionRows } from './features/region-rows.js';
export { gridBoxes, pixelFeatureDim, pixelFeatures } from './features/pixels.js';
export { LOOKS } from './features/pixel-options.js';
export type { PixelFeatureOptions } from './features/pixel-options.js';
export type { RgbImage } from './pictures/rgb-image.js';
export { RegionDetector } from './vision/region-detector.js';
export type { DetectedRegions, DetectOptions, RegionDetectorOptions } from './vision/region-detector.js';
export { pixelDetector } from './vision/pixel-detector.js';
export type { PixelDetector } from './vision/pixel-detector.js';
export { DETECTOR_NAMES, namedDetector } from './vision/detector/presets.js';
export type { DetectorName } from './vision/detector/presets.js';
export type {
  AnchorConfig,
  BackboneConfig,
  ChoiceConfig,
  DetectorConfig,
  HeadConfig,
  InputConfig,
  PoolingConfig,
  ProposalConfig,
} from './vision/detector/config.js';
export type { DetectorNetwork } from './vision/detector/network.js';
export type { BoxConvention } from './vision/boxes/convention.js';
export type { DetectorChoice } from './vision/weights/open.js';
