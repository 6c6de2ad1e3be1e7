// Options, paths and other arguments of a wrong type: every public function and class throws an error of the package.
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createTokenizer } from '#platform';
import * as visualbert from '../src/node.js';
import { temporaryFolder } from './helpers/files/temporary-folder.js';

const { VisualBertConfig: Config } = visualbert;
const config = new Config({
  hiddenSize: 8,
  numHiddenLayers: 1,
  numAttentionHeads: 2,
  intermediateSize: 8,
  vocabSize: 9,
});
const tokenizer = createTokenizer({ 'vocab.txt': '[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nx\n' });
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
  requireStartable: (value) => visualbert.requireStartable(value),
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
  findDetector: (value) => visualbert.findDetector(value),
  inspectDetector: (value) => visualbert.inspectDetector(value),
  openFeatureStore: (value) => visualbert.openFeatureStore(value),
  openRegionFeatures: (value) => visualbert.openRegionFeatures(value),
  openPictures: (value) => visualbert.openPictures(value),
  readRun: (value) => visualbert.readRun(value),
  readMetrics: (value) => visualbert.readMetrics(value),
  writeReport: (value) => visualbert.writeReport(value),
};

const { ConfigError, ShapeError, CheckpointError, DataError, EngineError, HubError, TrainingError } = visualbert;
const OUR_ERRORS = [ConfigError, ShapeError, CheckpointError, DataError, EngineError, HubError, TrainingError];

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
  openTrainRun: 'expected the settings of a run, from sortSettings',
  requireStartable: 'expected the settings of a run, from sortSettings',
};

describe.each(Object.entries(PATHS))('a path of %s', (name, call) => {
  test.each([null, 5, {}, ''])('that is %j is refused by name', async (value) => {
    const error = await thrownBy(() => call(value as never));
    expect(error).toBeInstanceOf(visualbert.ConfigError);
    expect((error as Error).message).toBe(`${name}: expected a path, received ${JSON.stringify(value)}`);
  });
});

/** Exports that are not called with anything, and why. */
const NOT_CALLED: Readonly<Record<string, string>> = {
  tf: 'the whole of TensorFlow.js',
  OptionsError: 'an error of the package, which only the package makes',
  examineMachine: 'takes no argument, and tries every backend',
  removeEngines: 'takes no argument, and removes the installed engines',
};

/** Exports that do something with no options or empty ones: install an engine, choose a backend, wait for requests. */
const WITH_DEFAULTS = ['installEngine', 'selectBackend', 'serve'];

const WRONG_KINDS: readonly unknown[] = [null, 0, true, ''];
const MAY_BE_LEFT_OUT: readonly unknown[] = [undefined, [], {}];

type Call = (...given: unknown[]) => unknown;

/** What stands before the wrong argument. */
const LEADS: readonly (readonly unknown[])[] = [[], ['x'], ['x', 'x']];

/** A class or its static methods; of anything else itself. */
function callsOf(name: string, value: unknown): [string, Call][] {
  if (typeof value !== 'function') return [];
  if (!isOurClass(value)) return [[name, value as Call]];
  const Class = value as unknown as new (...given: unknown[]) => object;
  const statics = value as unknown as Record<string, Call>;
  const methods: string[] = [];
  for (let one: unknown = value; isOurClass(one); one = Object.getPrototypeOf(one))
    methods.push(...Object.getOwnPropertyNames(one).filter((key) => typeof statics[key] === 'function'));
  return [
    [`new ${name}`, (...given) => new Class(...given)],
    ...[...new Set(methods)].map((key): [string, Call] => [`${name}.${key}`, (...given) => statics[key]?.(...given)]),
  ];
}

const THEIRS: readonly unknown[] = [visualbert.tf.layers.Layer, visualbert.tf.serialization.Serializable];

/** Whether a class is of this package: those of JavaScript are native code, and tfjs's are known. */
const isOurClass = (value: unknown): boolean =>
  typeof value === 'function' && /^class\b/.test(Function.prototype.toString.call(value)) && !THEIRS.includes(value);

/** Objects that calls give, and the methods that take arguments. */
const METHODS: Record<string, { made: () => object; names: readonly string[] }> = {
  model: {
    made: () => new visualbert.VisualBertModel(config),
    names: ['forward', 'savePretrained', 'numParameters', 'resizeTokenEmbeddings', 'prepareArrays'],
  },
  processor: {
    made: () => new visualbert.VisualBertProcessor({ tokenizer, answers: new visualbert.AnswerVocabulary(['a', 'b']) }),
    names: ['process', 'encodeText', 'encodeWords', 'fitRegions', 'decodeAnswers', 'savePretrained'],
  },
  AnswerVocabulary: {
    made: () => new visualbert.AnswerVocabulary(['a', 'b']),
    names: ['softScores', 'best', 'classOf'],
  },
  'region features': {
    made: () => visualbert.memorySource('m', [['1', { count: 1, dim: 1, features: new Float32Array(1) }]]),
    names: ['has', 'countOf', 'read'],
  },
  TensorBoardWriter: {
    made: () => new visualbert.TensorBoardWriter('logs', { startStep: 0 }),
    names: ['scalars', 'histogram', 'hyperparameters'],
  },
  ZipWriter: { made: () => new visualbert.ZipWriter(visualbert.memorySink('zip')), names: ['add'] },
};

describe('arguments of a wrong kind', () => {
  const before = process.cwd();
  const folder = temporaryFolder();
  const quiet = { info: () => undefined, warn: () => undefined };
  // Calls may write into the working directory, set a logger, or ask the hub.
  beforeAll(() => {
    process.chdir(folder);
    process.env['HF_HUB_OFFLINE'] = '1';
  });
  afterAll(() => {
    process.chdir(before);
    delete process.env['HF_HUB_OFFLINE'];
  });
  beforeEach(() => {
    visualbert.setLogger(quiet);
  });
  afterEach(() => {
    visualbert.setLogger(null);
    visualbert.setFetch(null);
  });

  const requireOurs = async (name: string, call: Call, values: readonly unknown[], leads = LEADS): Promise<void> => {
    for (const given of values.flatMap((value) => leads.map((lead) => [...lead, value]))) {
      const error = await thrownBy(() => call(...given));
      if (error === 'nothing') continue;
      const shown = `${name}(${given.map((one) => JSON.stringify(one)).join(', ')}): ${String(error)}`;
      expect([OUR_ERRORS.some((Class) => error instanceof Class), shown]).toEqual([true, shown]);
    }
  };

  const exported = Object.entries(visualbert).filter(([name]) => !(name in NOT_CALLED));
  const calls = exported.flatMap(([name, value]) => callsOf(name, value));
  test.each(calls)('are answered by %s with what it makes of them or an error of the package', async (name, call) => {
    if (WITH_DEFAULTS.includes(name)) await requireOurs(name, call, WRONG_KINDS, [[]]);
    else await requireOurs(name, call, [...WRONG_KINDS, ...MAY_BE_LEFT_OUT]);
  });

  test.each(Object.entries(METHODS))('are answered by the methods of %s likewise', async (name, { made, names }) => {
    const object = made() as Record<string, Call>;
    for (const key of names)
      await requireOurs(`${name}.${key}`, (...given) => object[key]?.(...given), [...WRONG_KINDS, ...MAY_BE_LEFT_OUT]);
    object['dispose']?.();
  });
});

test('a file that is not there is named', async () => {
  const absent = join(tmpdir(), 'absent');
  const message = `${absent}: cannot be read: no such file or folder; check the path, relative ones begin at the current folder`;
  const checkpoint = 'test/fixtures/checkpoints/tiny-vqa';
  for (const call of [
    () => visualbert.VisualBertProcessor.fromPretrained(checkpoint, { vocabulary: absent }),
    () => visualbert.readVqaQuestions(absent),
    () => visualbert.openFeatureStore(absent),
    () => visualbert.scoreNlvr2File(absent, absent),
  ]) {
    const error = await thrownBy(call);
    expect(error).toBeInstanceOf(DataError);
    expect((error as Error).message).toBe(message);
  }
  expect(String(await thrownBy(() => visualbert.writeReport(absent)))).toContain(
    'run.json: cannot be read: no such file',
  );
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

test('a precision that is none is refused with those that are', async () => {
  const precision = 'int4' as 'fp32';
  await expect(visualbert.RegionDetector.fromPretrained('nowhere', { precision })).rejects.toThrow(
    'RegionDetector.fromPretrained: precision: expected one of fp32, bf16, fp16, received "int4"',
  );
});
