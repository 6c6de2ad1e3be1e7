// The public surface in Node: everything of `visualbert-tfjs`, plus folders, hub, engine, compiled step, Trainer and data sets.
import { prepareBackend } from './engine/select-backend.js';

export * from './index.js';

/** The one copy of TensorFlow.js that the package and the native kernels share: the object that `require('@tensorflow/tfjs')` returns. */
export { default as tf } from '@tensorflow/tfjs';

/** What the package computes on, decided when it is imported; the reason says why it is not the native engine. `selectBackend` changes it. */
export const startBackend = await prepareBackend();

export { decodePng, encodePng } from './data/png.js';
export type { RgbImage } from './data/png.js';
export { gridBoxes, LOOKS, pixelFeatureDim, pixelFeatures } from './data/pixel-features.js';
export type { PixelFeatureOptions } from './data/pixel-features.js';

export { buildVocabulary } from './data/build-vocabulary.js';
export {
  isEasyVqa,
  joinVqa,
  readEasyVqa,
  readVqaAnnotations,
  readVqaQuestions,
  readVqaResults,
} from './data/vqa-records.js';
export type { VqaAnnotation, VqaAnswer, VqaExample, VqaQuestion } from './data/vqa-records.js';
export { normaliseAnswer, scoreVqa, vqaAnswerAccuracy } from './data/vqa-accuracy.js';
export type { VqaScores } from './data/vqa-accuracy.js';
export { readNlvr, readNlvr2, withoutOverlap } from './data/nlvr-records.js';
export type { SceneStatement, Statement } from './data/nlvr-records.js';
export { NLVR_FEATURE_DIM, sceneRegions } from './data/nlvr-scenes.js';
export type { NlvrItem, NlvrScene } from './data/nlvr-scenes.js';
export { scoreNlvr } from './data/nlvr-accuracy.js';
export type { NlvrScores } from './data/nlvr-accuracy.js';
export { openRegionFeatures } from './data/open-features.js';
export { openFeatureStore, packFeatures } from './data/feature-store.js';
export type { PackOptions } from './data/feature-store.js';
export { inspectFeatures, writeNpyFolder, writeTsvFeatures } from './data/feature-tools.js';
export type { FeatureReport } from './data/feature-tools.js';
export { cachedSource, joinSources, memorySource, shuffledRegions, withoutRegions } from './data/region-wrappers.js';
export type { Buckets, EncodedExample, EncodedText } from './data/batch.js';

export { convertRecords, FOREIGN_FORMATS } from './data/foreign-records.js';
export type { ForeignFormat } from './data/foreign-records.js';
export { checkOwnRecords, readOwnRecords } from './data/own-records.js';
export type { AnsweringRecord, ClassificationRecord, OwnTaskName, RecordProblem } from './data/own-records.js';
export { guessOwnTask, OWN_EXAMPLES, OWN_TASKS, ownDataStats } from './data/own-stats.js';
export type { Distribution, OwnDataStats } from './data/own-stats.js';
export { readCaptions } from './data/caption-records.js';
export type { Caption } from './data/caption-records.js';
export { maskText } from './data/masking.js';
export type { MaskedText } from './data/masking.js';
export { intersectionOverUnion, matchingRegions } from './data/boxes.js';
export type { Box } from './data/boxes.js';
export { VcrDetector } from './vision/vcr-detector.js';
export type { DetectorInputs } from './vision/vcr-detector.js';
export { writeVcrFeatures } from './vision/vcr-features.js';
export type { VcrFeatureOptions } from './vision/vcr-features.js';
export { readVcrScene, vcrRegions } from './vision/vcr-regions.js';
export type { VcrScene } from './vision/vcr-regions.js';
export { readVcrImages } from './data/vcr-images.js';
export type { VcrImage } from './data/vcr-images.js';
export { readVcr } from './data/vcr-records.js';
export type { VcrRecord, VcrToken } from './data/vcr-records.js';
export { scoreVcr, vcrCsv } from './data/vcr-accuracy.js';
export type { VcrPrediction, VcrScores } from './data/vcr-accuracy.js';
export { readFlickrEntities } from './data/phrase-records.js';
export type { Phrase, PhraseSentence } from './data/phrase-records.js';

export { openTask } from './tasks/open-task.js';
export { scoreFlickrFile, scoreNlvr2File, scoreVcrFiles, scoreVqaFile } from './tasks/score.js';
export type { ScoreReport } from './tasks/score.js';
export type { ModelClassName, OpenedTask, PredictionWriter, Purpose, TaskContext } from './tasks/opened-task.js';
export { resolveTaskOptions, TASK_NAMES, TASK_OPTIONS } from './tasks/options.js';

export { installEngine } from './engine/install.js';
export type { InstallOptions, InstallProgress, InstallResult } from './engine/install.js';
export { engineInfo, removeEngines } from './engine/info.js';
export type { EngineInfo, InstalledEngine } from './engine/info.js';
export type { CudaLibrary, CudaReport } from './engine/cuda.js';
export type { DeviceKind } from './engine/wheels.js';
export { createState } from './engine/graph/state.js';
export { compile } from './engine/graph/compile.js';
export type {
  ChromeTrace,
  Compiled,
  CompileOptions,
  Precision,
  RawTensors,
  State,
  StateOptions,
  Tensors,
  TraceEvent,
  VariableSpec,
} from './engine/graph/contract.js';
export { PRECISIONS } from './engine/graph/contract.js';
export { operationTable, operationTimes } from './engine/graph/operation-times.js';
export type { OperationTime } from './engine/graph/operation-times.js';
export { requireTrainingEngine, selectBackend } from './engine/select-backend.js';
export type { BackendChoice, BackendName, BackendOptions } from './engine/select-backend.js';
export { createTrainingStep } from './training/compiled-step.js';
export { evaluateTask } from './training/evaluate.js';
export type { EvaluateOptions } from './training/evaluate.js';
export { Trainer } from './training/trainer.js';
export type {
  EndReason,
  TrainerCallback,
  TrainerModel,
  TrainerOptions,
  TrainResult,
} from './training/trainer-options.js';
export { resolveTrainingArguments, TRAINING_ARGUMENTS } from './training/training-arguments.js';
export type { ResolvedTrainingArguments, TrainingArguments } from './training/training-arguments.js';
export { readMetrics } from './training/metrics-log.js';
export type { MetricsEntry } from './training/metrics-log.js';
export { createProgress, lineProgress, SILENT_PROGRESS } from './training/progress.js';
export type { Progress } from './training/progress.js';
export { TensorBoardWriter } from './training/tensorboard.js';
export { openTrainRun } from './tasks/train-run.js';
export type { TrainRun } from './tasks/train-run.js';
export { evaluateRun } from './tasks/evaluate-run.js';
export type { EvaluateRunOptions } from './tasks/evaluate-run.js';
export { predictAnswers } from './tasks/predict-answers.js';
export type { PredictOptions } from './tasks/predict-answers.js';
export { predictionOptions, readRun, readSettings, sortSettings, validationOptions } from './tasks/run-settings.js';
export type { RunSettings } from './tasks/run-settings.js';

export { convertCheckpoint } from './convert/convert.js';
export type { ConversionReport, ConvertOptions } from './convert/convert.js';
export { inspectCheckpoint } from './convert/inspect.js';
export type { InspectedTensor, Inspection } from './convert/inspect.js';
export { writeReport } from './training/report.js';
export type { PictureReader } from './training/report.js';
export type { ExampleNote } from './training/task.js';
