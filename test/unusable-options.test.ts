// Options and paths that are no options and no paths: every public function answers with an error of the package that names itself.
import { describe, expect, test } from '@jest/globals';
import * as visualbert from '../src/node.js';

const { VisualBertConfig: Config } = visualbert;
const config = new Config({
  hiddenSize: 8,
  numHiddenLayers: 1,
  numAttentionHeads: 2,
  intermediateSize: 8,
  vocabSize: 9,
});
const MODELS = [
  visualbert.VisualBertModel,
  visualbert.VisualBertForPreTraining,
  visualbert.VisualBertForQuestionAnswering,
  visualbert.VisualBertForVisualReasoning,
  visualbert.VisualBertForMultipleChoice,
  visualbert.VisualBertForRegionToPhraseAlignment,
];

/** The static method of any class: their types differ. */
const loaded = (Model: unknown, where: string, options: never): unknown =>
  (Model as typeof visualbert.VisualBertModel).fromPretrained(where, options);

/** What was given where an object of options belongs: by name, how it is called. `value` has the type that the call asks for, so that it compiles. */
const CALLS: Record<string, (value: never) => unknown> = {
  ...Object.fromEntries(
    MODELS.flatMap((Model) => [
      [Model.name, (value: never) => new Model(config, value)],
      [`${Model.name}.fromPretrained`, (value: never) => loaded(Model, 'nowhere', value)],
    ]),
  ),
  'VisualBertConfig.fromPretrained': (value) => Config.fromPretrained('nowhere', value),
  VisualBertProcessor: (value) => new visualbert.VisualBertProcessor(value),
  'VisualBertProcessor.fromPretrained': (value) => visualbert.VisualBertProcessor.fromPretrained('nowhere', value),
  'RegionDetector.fromPretrained': (value) => visualbert.RegionDetector.fromPretrained('nowhere', value),
  Trainer: (value) => new visualbert.Trainer(value),
  TensorBoardWriter: (value) => new visualbert.TensorBoardWriter('nowhere', value),
  createTrainingStep: (value) => visualbert.createTrainingStep(new visualbert.VisualBertModel(config), value),
  createState: (value) => visualbert.createState(new Map(), value),
  convertCheckpoint: (value) => visualbert.convertCheckpoint('nowhere', value),
  convertDetector: (value) => visualbert.convertDetector('nowhere', value),
  openRegionFeatures: (value) => visualbert.openRegionFeatures('nowhere', value),
  openPictures: (value) => visualbert.openPictures('nowhere', value),
  extractFeatures: (value) => visualbert.extractFeatures(value),
  drawRegions: (value) => visualbert.drawRegions(value),
  writeVcrFeatures: (value) => visualbert.writeVcrFeatures(value),
  evaluateTask: (value) => visualbert.evaluateTask(value),
  evaluateRun: (value) => visualbert.evaluateRun(value),
  evaluateExplanations: (value) => visualbert.evaluateExplanations(value),
  evaluateHeads: (value) => visualbert.evaluateHeads(value),
  openTrainRun: (value) => visualbert.openTrainRun(value),
  openOneInput: (value) => visualbert.openOneInput(value),
  openQuestion: (value) => visualbert.openQuestion(value),
  settings: (value) => visualbert.sortSettings(value),
  serve: (value) => visualbert.serve(value),
  scoreVcrFiles: (value) => visualbert.scoreVcrFiles([], value),
  scoreFlickrFile: (value) => visualbert.scoreFlickrFile('nowhere', value),
};

/** The same for paths; those of models are in test/models/misuse.test.ts. */
const PATHS: Record<string, (value: never) => unknown> = {
  'RegionDetector.fromPretrained': (value) => visualbert.RegionDetector.fromPretrained(value),
  openFeatureStore: (value) => visualbert.openFeatureStore(value),
  openRegionFeatures: (value) => visualbert.openRegionFeatures(value),
  openPictures: (value) => visualbert.openPictures(value),
  readRun: (value) => visualbert.readRun(value),
  readMetrics: (value) => visualbert.readMetrics(value),
  writeReport: (value) => visualbert.writeReport(value),
};

const thrownBy = async (call: () => unknown): Promise<unknown> => {
  try {
    await call();
    return 'nothing';
  } catch (error) {
    return error;
  }
};

describe.each(Object.entries(CALLS))('options of %s', (name, call) => {
  test.each([null, 5, 'text', []])('that are %j are refused by name', async (value) => {
    const error = await thrownBy(() => call(value as never));
    expect(error).toBeInstanceOf(visualbert.ConfigError);
    expect((error as Error).message).toBe(
      `${name}: ${EXPECTED[name] ?? 'expected an object of options'}, received ${JSON.stringify(value)}`,
    );
  });
});

/** What is not called options. */
const EXPECTED: Record<string, string> = {
  openTrainRun: 'expected the settings of a run, as sortSettings gives them',
};

describe.each(Object.entries(PATHS))('a path of %s', (name, call) => {
  test.each([null, 5, {}, ''])('that is %j is refused by name', async (value) => {
    const error = await thrownBy(() => call(value as never));
    expect(error).toBeInstanceOf(visualbert.ConfigError);
    expect((error as Error).message).toBe(`${name}: expected a path, received ${JSON.stringify(value)}`);
  });
});

test('what is not a model is not trained', async () => {
  const error = await thrownBy(() => visualbert.createTrainingStep({} as never, {}));
  expect(String(error)).toMatch(/^ConfigError: createTrainingStep: expected a model with namedParameters\(\)/);
});

test('a second step on a model is told to dispose the first, whatever the second is', async () => {
  const model = new visualbert.VisualBertModel(config);
  const first = await visualbert.createTrainingStep(model, { compile: false });
  for (const compile of [true, false]) {
    const error = await thrownBy(() => visualbert.createTrainingStep(model, { compile }));
    expect(String(error)).toMatch(/held by a(nother)? training step.*dispose/);
  }
  await first.dispose();
  model.dispose();
});
