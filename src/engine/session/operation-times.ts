// The time of a run by type of operation, from its trace.
import type { ChromeTrace } from './contract.js';
import { requireKinds } from '../../options.js';

/** All operations of one type in one run. */
export interface OperationTime {
  type: string;
  count: number;
  /** Milliseconds, summed over operations: concurrent ones count in full. */
  ms: number;
}

/** On a GPU this stream holds the time of kernels; the device itself shows their launches. */
const STREAM = 'stream:all';
/** Of the first column of `operationTable`. */
const HEADING = 'operation';

/**
 * Count and time of each type of operation, the costliest first.
 * @example
 * const event = { ph: 'X', pid: 0, name: 'MatMul', dur: 1500, args: { name: 'layer/MatMul' } }; // of a function's profile
 * operationTimes({ traceEvents: [event, event] }); // [{ type: 'MatMul', count: 2, ms: 3 }]
 */
export function operationTimes(trace: ChromeTrace): OperationTime[] {
  requireKinds('operationTimes', { 'an object': { trace } });
  const { traceEvents } = trace;
  requireKinds('operationTimes', { 'a list': { traceEvents } });
  const streams = traceEvents.filter(({ ph, args }) => ph === 'M' && args.name.includes(STREAM)).map(({ pid }) => pid);
  const types = new Map<string, OperationTime>();
  for (const { ph, pid, name, dur = 0 } of traceEvents) {
    if (ph !== 'X' || (streams.length > 0 && !streams.includes(pid))) continue;
    const entry = types.get(name) ?? { type: name, count: 0, ms: 0 };
    types.set(name, { type: name, count: entry.count + 1, ms: entry.ms + dur / 1000 });
  }
  return [...types.values()].sort((a, b) => b.ms - a.ms);
}

/**
 * The costliest types as lines of text: time, share, count.
 * @example
 * const table = operationTable([{ type: 'MatMul', count: 2, ms: 3 }, { type: 'Add', count: 1, ms: 1 }]);
 * table.split('\n')[1]; // 'MatMul          3.0  75.0%      2'
 */
export function operationTable(times: readonly OperationTime[], rows = 15): string {
  requireKinds('operationTable', { 'a list': { times } });
  const total = times.reduce((sum, { ms }) => sum + ms, 0);
  const rest = times.slice(rows);
  const shown = [
    ...times.slice(0, rows),
    ...(rest.length === 0
      ? []
      : [
          {
            type: `${rest.length} more types`,
            count: rest.reduce((sum, { count }) => sum + count, 0),
            ms: rest.reduce((sum, { ms }) => sum + ms, 0),
          },
        ]),
    { type: 'all', count: times.reduce((sum, { count }) => sum + count, 0), ms: total },
  ];
  const width = Math.max(HEADING.length, ...shown.map(({ type }) => type.length));
  const line = (type: string, ms: string, share: string, count: string): string =>
    `${type.padEnd(width)} ${ms.padStart(9)} ${share.padStart(6)} ${count.padStart(6)}`;
  return [
    line(HEADING, 'ms', 'share', 'count'),
    ...shown.map(({ type, count, ms }) =>
      line(type, ms.toFixed(1), `${((100 * ms) / Math.max(total, 1e-9)).toFixed(1)}%`, String(count)),
    ),
  ].join('\n');
}
