// What is wrong with a command line that yargs refuses: flags as they were typed, with the nearest known one.
import { closest, distance } from 'fastest-levenshtein';
import { kebab } from '../../src/node.js';

/** What a command line holds, and what it may hold. */
export interface Known {
  /** The command as a person types it: its `--help` says more. */
  command: string;
  /** The words after `visualbert`. */
  args: readonly string[];
  /** Names of its flags, without dashes. */
  flags: readonly string[];
  /** Names of the commands below it. */
  commands: readonly string[];
  /** Names of its arguments without flags. */
  positionals: readonly string[];
}

/** What is wrong with a command line that yargs refuses with a message, in one line. */
export function usageText(message: string, { command, args, flags, commands, positionals }: Known): string {
  const found = (pattern: RegExp): string[] => pattern.exec(message)?.slice(1) ?? [];
  const [unknown] = found(/^Unknown arguments?: (.*)$/);
  const [missing] = found(/^Missing required arguments?: (.*)$/);
  const [valueless] = found(/^Not enough arguments following: (.*)$/);
  const [flag, given, choices] = found(/^Invalid values:\s+Argument: (.*?), Given: (.*?), Choices: (.*)$/);
  const [received] = found(/^Not enough non-option arguments: got (\d+), need at least \d+/);
  const lists = `\`${command} --help\` lists `;
  // First: yargs says of a command line without a command that it has none, whatever its flags.
  const strange = unknownFlags(args, flags);
  if (strange.length > 0) {
    const words = strange.map((word) => `unknown flag ${word}${nearest(nameOf(word), flags, '--')}`);
    return `${words.join('; ')}; ${lists}the flags`;
  }
  if (unknown !== undefined) {
    const names = [...new Set(unknown.split(', '))];
    if (commands.length === 0) return `unexpected argument ${names.join(' ')}; ${lists}the arguments of \`${command}\``;
    return `unknown command ${names.join(' ')}${nearest(names[0] ?? '', commands, '')}; ${lists}the commands`;
  }
  if (missing !== undefined) {
    const names = missing.split(', ').map((name) => `--${name}`);
    return `expected ${names.join(' and ')}; ${lists}the flags`;
  }
  if (valueless !== undefined) return `--${valueless}: expected a value, received none; ${lists}the flags`;
  if (flag !== undefined) {
    const name = positionals.includes(flag) ? `<${flag}>` : `--${flag}`;
    return `${name}: expected one of ${choices}, received ${given}; ${lists}the flags`;
  }
  if (received !== undefined) {
    const names = positionals.map((name) => `<${name}>`);
    return `expected ${names.join(' ')}, received no ${names.slice(Number(received)).join(' and no ')}; \`${command} --help\` says what to give`;
  }
  return message;
}

/** The words that look like flags but are unknown, as they were typed. */
function unknownFlags(args: readonly string[], flags: readonly string[]): string[] {
  const end = args.indexOf('--');
  const words = (end < 0 ? args : args.slice(0, end)).filter((word) => /^--?[^-\d.]/.test(word));
  const typed = words.map((word) => word.split('=', 1)[0] ?? word);
  const isKnown = (word: string): boolean => {
    const name = nameOf(word);
    return [name, kebab(name), name.replace(/^no-/, '')].some((one) => flags.includes(one));
  };
  return [...new Set(typed)].filter((word) => !isKnown(word));
}

function nameOf(word: string): string {
  return word.replace(/^--?/, '');
}

function nearest(name: string, known: readonly string[], dashes: string): string {
  const names = known.filter((one) => one.length > 1);
  const found = names.length === 0 ? '' : closest(kebab(name), names);
  const isNear = found !== '' && distance(kebab(name), found) <= Math.max(2, Math.floor(name.length / 3));
  return isNear ? `, did you mean ${dashes}${found}?` : '';
}
