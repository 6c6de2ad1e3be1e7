// Finds the line of the user's code in a stack trace, for error messages.

/**
 * Frames of TensorFlow.js (by source maps in `tfjs-core/src` and its like), of Node, of the engine and of the
 * bundled package are not the user's.
 */
const INTERNAL = new RegExp(
  [
    String.raw`[\\/]@tensorflow[\\/]`,
    String.raw`\btfjs-(?:core|layers|converter|data|backend-\w+)[\\/]src[\\/]`,
    String.raw`[\\/]src[\\/]engine[\\/]`,
    String.raw`[\\/]visualbert-tfjs[\\/]dist[\\/]bundle[\\/]`,
    String.raw`\bnode:|<anonymous>`,
  ].join('|'),
);

/** ` (at file:line:column)` of the innermost frame outside the engine and tfjs, or nothing when there is none. */
export function callerOf(error: Error): string {
  for (const line of (error.stack ?? '').split('\n').slice(1)) {
    const location = /\(?((?:file:\/\/)?[^\s()]+:\d+:\d+)\)?\s*$/.exec(line)?.[1];
    if (location !== undefined && !INTERNAL.test(line)) return ` (at ${location.replace('file://', '')})`;
  }
  return '';
}

/** The user's line that led here. V8 keeps ten frames by default, which tfjs alone fills. */
export function currentCaller(): string {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 60;
  const location = callerOf(new Error());
  Error.stackTraceLimit = limit;
  return location;
}
