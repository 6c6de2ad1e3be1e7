// Names of flags in help and errors, instead of the library's option names.
import { describe, expect, test } from '@jest/globals';
import type { CommandModule } from 'yargs';
import yargs from 'yargs';
import { flagOf, inFlags } from '../../scripts/flags/words.js';
import { command as evaluate } from '../../scripts/evaluate.js';
import { command as predict } from '../../scripts/predict.js';
import { command as train } from '../../scripts/train.js';
import { ALL_TASK_OPTIONS, RUN_OPTIONS, TASK_NAMES, TRAINING_ARGUMENTS } from '../../src/node.js';

/** Names of options that are no words of English. */
const CODE_NAMES = Object.keys({ ...ALL_TASK_OPTIONS, ...TRAINING_ARGUMENTS, ...RUN_OPTIONS }).filter((name) =>
  /[A-Z]/.test(name),
);

async function helpOf(command: CommandModule, words: string): Promise<string> {
  let text = '';
  await yargs()
    .scriptName('visualbert')
    .command(command)
    .wrap(null)
    .parseAsync(`${words} --help`, (_: unknown, __: unknown, output: string) => void (text = output));
  return text;
}

describe('inFlags', () => {
  test.each([
    ['choose another outputDir', 'choose another --output-dir'],
    ['at the end: outputDir.', 'at the end: --output-dir.'],
    ['pass resume: true to go on', 'pass --resume to go on'],
    ['or pass compile: false, to run eagerly', 'or pass --no-compile, to run eagerly'],
    ["give the list, answers: 'FILE' (one a line)", 'give the list, --answers FILE (one a line)'],
    ['{ allowFreshWeights: true } says so', '--allow-fresh-weights says so'],
    ['`model` and `modelConfig` exclude each other', '--model and --model-config exclude each other'],
    [
      "the settings differ from the run's: `epochs` was 3, is 9",
      "the settings differ from the run's: --epochs was 3, is 9",
    ],
    ['more than maxLength 8', 'more than --max-text-length 8'],
    ['topK: expected at least 1 answer', '--top: expected at least 1 answer'],
    ['TrainingArguments: seed', 'seed'],
  ])('%s', (text, words) => {
    expect(inFlags(text)).toBe(words);
  });

  test.each([
    'regions: expected one of real, zeroed',
    '"batchSize" of a file',
    'model.batchSize and batchSize.json and a/batchSize stay',
    'visualEmbeddingDim has no flag',
    '`visualbert data check`',
    'the model and its answers',
  ])('leaves alone: %s', (text) => {
    expect(inFlags(text)).toBe(text);
  });

  test('has the flag of every setting', () => {
    expect(flagOf('learningRate')).toBe('--learning-rate');
    expect(flagOf('epochs')).toBe('--epochs');
    expect(flagOf('visualEmbeddingDim')).toBeNull();
  });
});

describe('help', () => {
  test.each(TASK_NAMES)('of %s names no option as code does', async (task) => {
    for (const [name, command] of Object.entries({ train, evaluate, predict })) {
      const help = await helpOf(command, `${name} ${task}`);
      expect(help).toMatch(name === 'train' ? /--output-dir/ : /--batch-size/);
      expect(CODE_NAMES.filter((code) => new RegExp(`(?<![\\w-])${code}\\b`).test(help))).toEqual([]);
      expect(help).not.toMatch(/TrainingArguments|VisualBertProcessor/);
    }
  });
});
