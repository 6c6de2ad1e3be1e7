// The subcommands of `visualbert`: one file each in this folder, registered by name here. Importing this file runs the one that is asked for.
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { command as convert } from './convert.js';
import { command as data } from './data.js';
import { command as engine } from './engine.js';
import { command as evaluate } from './evaluate.js';
import { command as explain } from './explain.js';
import { command as features } from './features.js';
import { command as ground } from './ground.js';
import { command as inspect } from './inspect.js';
import { command as predict } from './predict.js';
import { command as score } from './score.js';
import { requireOnce } from './setting-flags.js';
import { command as train } from './train.js';

await yargs(hideBin(process.argv))
  .scriptName('visualbert')
  .usage('$0 <command>\n\nTrain, evaluate, convert and inspect VisualBERT in TensorFlow.js.')
  .command(convert)
  .command(data)
  .command(engine)
  .command(evaluate)
  .command(explain)
  .command(features)
  .command(ground)
  .command(inspect)
  .command(predict)
  .command(score)
  .command(train)
  .demandCommand(1, 'Name a command; `visualbert --help` lists them.')
  .recommendCommands()
  .strict()
  .check(requireOnce)
  .wrap(Math.min(100, process.stdout.columns ?? 100))
  .fail((message, error, parser) => {
    if (error === undefined || error === null) parser.showHelp('error');
    console.error(`\n${error instanceof Error ? error.message : message}`);
    process.exit(1);
  })
  .parseAsync();
