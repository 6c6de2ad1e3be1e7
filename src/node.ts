// The public surface in Node: everything of `visualbert-tfjs`, plus folders, hub, engine, compiled step, Trainer and data sets.
import { prepareBackend } from './engine/select-backend.js';

export * from './index.js';

/** The backend chosen on import, with the reason if it is not the native engine. `selectBackend` changes it. */
export const startBackend = await prepareBackend();

export { clusterFromTfConfig } from './cluster/tf-config.js';
export type { Cluster, Message } from './cluster/contract.js';
export { joinCluster } from './cluster/join.js';
export type { JoinOptions } from './cluster/join.js';
export { launchWorkers, WORKER_LOST } from './cluster/launch.js';
export type { LaunchOptions } from './cluster/launch.js';
export type { WorkerAddresses } from './engine/session/server.js';
export type { WorkerServer } from './engine/session/contract.js';
export type { WorkerGroup } from './training/step/worker-group.js';

export { decodePng, encodePng } from './pictures/png.js';

export { approximateLength } from './processing/approximate-length.js';
export { buildVocabulary } from './processing/word-vocabulary.js';
export { isEasyVqa, readEasyVqa } from './records/easy-vqa.js';
export { readVqaAnnotations, readVqaQuestions, readVqaResults } from './records/vqa.js';
export { joinVqa } from './records/vqa-examples.js';
export type { VqaAnnotation, VqaAnswer, VqaExample, VqaQuestion } from './records/vqa.js';
export { meanAveragePrecision } from './metrics/detection.js';
export type { Detections, GroundTruth } from './metrics/detection.js';
export { scoreVqa, vqaAnswerAccuracy } from './metrics/vqa.js';
export { normaliseAnswer } from './processing/answer-normalisation.js';
export type { VqaScores } from './metrics/vqa.js';
export { readNlvr, readNlvr2, withoutOverlap } from './records/nlvr.js';
export type { SceneStatement, Statement } from './records/nlvr.js';
export { NLVR_FEATURE_DIM, sceneRegions } from './records/nlvr-scenes.js';
export type { NlvrItem, NlvrScene } from './records/nlvr-scenes.js';
export { scoreNlvr } from './metrics/nlvr.js';
export type { NlvrScores } from './metrics/nlvr.js';
export { decodePicture, readPicture } from './pictures/decode.js';
export type { DecodeOptions } from './pictures/decode.js';
export { openPictures } from './pictures/sources/open.js';
export type { OpenPictureOptions } from './pictures/sources/open.js';
export type { IgnoredFiles, PictureSource } from './pictures/sources/source.js';
export { withoutBadImages } from './features/bad-images.js';
export type { BadImage, BadImageOptions, SourceWithoutBadImages } from './features/bad-images.js';
export { openRegionFeatures } from './features/open.js';
export type { OpenFeatureOptions } from './features/open.js';
export { packFeatures } from './features/store/pack.js';
export { mergeStores } from './features/store/merge.js';
export type { PackOptions } from './features/store/pack.js';
export { isFeatureStore, openFeatureStore } from './features/store/read.js';
export { inspectFeatures, writeNpyFolder, writeTsvFeatures } from './features/tools.js';
export type { FeatureReport } from './features/tools.js';
export { cachedSource, joinSources, memorySource, shuffledRegions, withoutRegions } from './features/wrappers.js';

export { convertRecords, FOREIGN_FORMATS } from './records/foreign.js';
export type { ForeignFormat } from './records/foreign.js';
export { checkOwnRecords, readOwnRecords } from './records/own.js';
export type { AnsweringRecord, ClassificationRecord, OwnTaskName, RecordProblem } from './records/own.js';
export { guessOwnTask, OWN_EXAMPLES, OWN_TASKS, ownDataStats } from './records/own-statistics.js';
export type { Distribution, OwnDataStats } from './records/own-statistics.js';
export type { TextLimit } from './records/own-warnings.js';
export { readCaptions } from './records/captions.js';
export type { Caption } from './records/captions.js';
export { maskText } from './processing/masking.js';
export type { MaskedText } from './processing/masking.js';
export { intersectionOverUnion, matchingRegions } from './boxes.js';
export type { Box } from './boxes.js';
export { TrainableDetector } from './vision/training/trainable-detector.js';
export type { DetectionBatch, DetectorLosses, TrainableDetectorOptions } from './vision/training/trainable-detector.js';
export type { SampleSize } from './vision/training/matching.js';
export { detectionBatch } from './vision/training/batch.js';
export type { DetectionExample, DetectionObject } from './vision/training/batch.js';
export { findDetector } from './vision/weights/find.js';
export type { FindDetectorOptions } from './vision/weights/find.js';
export { inspectDetector } from './vision/weights/inspect.js';
export type { DetectorInspection } from './vision/weights/inspect.js';
export { convertDetector } from './vision/weights/convert.js';
export type { ConvertDetectorOptions, DetectorConversion } from './vision/weights/convert.js';
export { VcrFeatureExtractor } from './vision/vcr-feature-extractor.js';
export type { VcrFeatureInputs } from './vision/vcr-feature-extractor.js';
export { extractFeatures } from './vision/extract.js';
export type { Extraction, ExtractOptions } from './vision/extract.js';
export { drawRegions } from './vision/draw-regions.js';
export type { DrawRegionsOptions } from './vision/draw-regions.js';
export { writeVcrFeatures } from './vision/vcr-features.js';
export type { VcrFeatureOptions } from './vision/vcr-features.js';
export { readVcrScene, vcrRegions } from './vision/vcr-regions.js';
export type { VcrScene } from './vision/vcr-regions.js';
export { readVcrImages } from './records/vcr-images.js';
export type { VcrImage } from './records/vcr-images.js';
export { readVcr } from './records/vcr.js';
export type { VcrRecord } from './records/vcr.js';
export { scoreVcr, vcrCsv } from './metrics/vcr.js';
export type { VcrPrediction, VcrScores } from './metrics/vcr.js';
export { readFlickrEntities } from './records/flickr.js';
export type { Phrase, PhraseSentence } from './records/flickr.js';

export { openTask } from './tasks/open-task.js';
export { scoreFlickrFile, scoreNlvr2File, scoreVcrFiles, scoreVqaFile } from './metrics/score-files.js';
export type { ScoreReport } from './metrics/score-files.js';
export type { LeftOutImage, OpenedTask, PredictionWriter, Purpose, TaskContext } from './tasks/shared/opened-task.js';
export { listenForStop } from './platform/stop-signals.js';
export type { StopSignals } from './platform/stop-signals.js';
export { kebab, shellWord } from './words.js';
export { counted } from './words.js';
export { OptionsError } from './options.js';
export type { OptionProblem } from './options.js';
export {
  ALL_TASK_OPTIONS,
  optionRole,
  resolveTaskOptions,
  TASK_DESCRIPTIONS,
  TASK_NAMES,
  TASK_OPTIONS,
} from './tasks/shared/options.js';
export type { OptionRole } from './tasks/shared/option-role.js';
export type { TaskName } from './tasks/shared/options.js';

export { examineMachine } from './doctor/doctor.js';
export type { BackendTrial, MachineProblem, MachineReport, OptionalPackage } from './doctor/contract.js';
export { installEngine } from './engine/install/install.js';
export type { InstallOptions, InstallResult } from './engine/install/install.js';
export type { InstallProgress } from './engine/install/progress.js';
export { engineInfo, removeEngines } from './engine/info.js';
export type { EngineInfo, InstalledEngine } from './engine/info.js';
export type { CudaLibrary, CudaReport } from './engine/load/cuda.js';
export type { DeviceKind } from './engine/load/engine-id.js';
export { createState } from './engine/session/state.js';
export { compile } from './engine/session/compile.js';
export type {
  ChromeTrace,
  Compiled,
  CompileOptions,
  State,
  StateOptions,
  TraceEvent,
  VariableSpec,
} from './engine/session/contract.js';
export type { Tensors } from './raw-tensor.js';
export type { Precision, PredictionPrecision } from './precision.js';
export { PRECISIONS, PREDICTION_PRECISIONS } from './precision.js';
export { operationTable, operationTimes } from './engine/session/operation-times.js';
export type { OperationTime } from './engine/session/operation-times.js';
export { BACKEND_NAMES, requireTrainingEngine, selectBackend } from './engine/select-backend.js';
export type { BackendChoice, BackendName, BackendOptions } from './engine/select-backend.js';
export { createTrainingStep } from './training/step/compiled-step.js';
export { pipeline } from './pipelines/node-pipeline.js';
export type { NodePipelineOptions } from './pipelines/node-pipeline.js';
export { evaluateTask } from './evaluation/evaluate.js';
export type { EvaluateOptions } from './evaluation/evaluate.js';
export { Trainer } from './training/loop/trainer.js';
export type {
  EndReason,
  TrainerCallback,
  TrainerModel,
  TrainerOptions,
  TrainerParts,
  TrainResult,
} from './training/loop/trainer-options.js';
export { resolveTrainingArguments, TRAINING_ARGUMENTS } from './training/arguments.js';
export type { ResolvedTrainingArguments, TrainingArguments } from './training/arguments.js';
export { readMetrics } from './training/log/metrics-log.js';
export type { MetricsEntry } from './training/log/metrics-log.js';
export { createProgress, duration, lineProgress, SILENT_PROGRESS } from './training/log/progress.js';
export type { Progress } from './training/log/progress.js';
export { TensorBoardWriter } from './training/log/tensorboard.js';
export { gatherSettings } from './runs/gather-settings.js';
export { openTrainRun, requireStartable } from './runs/train.js';
export type { TrainRun } from './runs/train.js';
export { evaluateRun } from './runs/evaluate.js';
export type { EvaluateRunOptions } from './runs/evaluate.js';
export { evaluateShard, mergeEvaluations } from './runs/shards.js';
export type { EvaluateShardOptions, MergedEvaluation } from './runs/shards.js';
export type { Shard } from './shard.js';
export { writeExplanationPage } from './explain/page/page.js';
export { evaluateExplanations } from './runs/evaluate-explanations.js';
export type { EvaluateExplanationsOptions, ExplanationEvaluation } from './runs/evaluate-explanations.js';
export { evaluateHeads } from './runs/evaluate-heads.js';
export type { HeadAccuracy } from './explain/head-accuracy.js';
export type { RemovalCurve } from './explain/removal.js';
export { openPictureDetector } from './runs/open-picture-detector.js';
export type { OpenedPictureDetector } from './runs/open-picture-detector.js';
export { DEFAULT_ASKED_MODEL, openQuestion } from './runs/ask.js';
export type { OpenedQuestion, QuestionOptions } from './runs/ask.js';
export { serve } from './serve/serve.js';
export { LOG_LEVELS, SERVE_OPTIONS } from './serve/options.js';
export type { LogLevel, ServeLimits } from './serve/options.js';
export type { RunningServer, ServeOptions } from './serve/contract.js';
export { openOneInput } from './runs/one-input.js';
export type { AnyOneInput, OneInput, OneInputOptions } from './runs/one-input.js';
export {
  hasValidation,
  predictionOptions,
  readRun,
  readSettings,
  RUN_OPTIONS,
  sortSettings,
  validationOptions,
} from './runs/settings.js';
export type { RunSettings, StoredRun } from './runs/settings.js';

export { convertCheckpoint } from './convert/convert.js';
export type { ConversionReport } from './convert/convert.js';
export type { ConvertOptions } from './convert/options.js';
export { inspectCheckpoint } from './convert/inspect.js';
export type { Inspection } from './convert/inspect.js';
export type { InspectedFile, InspectedTensor } from './checkpoint/tensor-file.js';
export { writeReport } from './training/report/report.js';
export type { PictureReader } from './training/report/example-cards.js';
export type { ExampleNote } from './evaluation/task.js';
