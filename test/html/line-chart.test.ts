import { describe, expect, test } from '@jest/globals';
import { lineChart } from '../../src/html/line-chart.js';

describe('lineChart', () => {
  test('scales points into the frame and leaves out what is not finite', () => {
    const svg = String(lineChart('loss', [{ name: 'a', points: [[0, 1], [10, NaN], [10, 3]] }])); // prettier-ignore
    expect(svg).toContain('d="M56.0 194.0L500.0 12.0"');
    const labels = [...svg.matchAll(/<text[^>]*>([^<]*)</g)].map(([, text]) => text);
    expect(labels).toEqual(['1', '1.5', '2', '2.5', '3', '0', '2', '4', '6', '8', '10']); // round values, not fifths of the span
    expect(String(lineChart('loss', [{ name: 'a', points: [] }]))).toBe('');
  });

  test('does not magnify what nearly constant values differ by, nor shift a constant', () => {
    const labels = (values: number[]): number[] => {
      const svg = String(lineChart('memory', [{ name: 'a', points: values.map((value, x) => [x, value] as const) }]));
      return [...svg.matchAll(/text-anchor="end"\s*>([^<]*)</g)].map(([, text]) => Number(text));
    };
    expect(labels([3000, 3001, 3000])).toEqual([2900, 3000, 3100]); // 5% to both sides
    expect(labels([5e-5, 5e-5])).toEqual([5e-5]); // a constant has one value, not a span
    expect(labels([70, 72])).toEqual([70, 70.5, 71, 71.5, 72]); // 3% are worth a look
    expect(labels([0, 0])).toEqual([0]);
  });

  test('marks a step', () => {
    const points = [[0, 1], [10, 3]] as const; // prettier-ignore
    const svg = String(lineChart('loss', [{ name: 'a', points }], { mark: { x: 5, label: 'best: step 5' } }));
    expect(svg).toMatch(/<line x1="278.0" x2="278.0"[^>]*class="mark"/); // the middle of 56 to 500
    expect(svg).toContain('best: step 5');
    expect(String(lineChart('loss', [{ name: 'a', points }], { mark: { x: 11, label: 'x' } }))).not.toContain('mark');
  });
});
