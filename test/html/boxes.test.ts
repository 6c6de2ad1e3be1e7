import { describe, expect, test } from '@jest/globals';
import { boxedPicture } from '../../src/html/boxes.js';

describe('boxedPicture', () => {
  test('draws groups of boxes over a picture of its own size, with titles where they are given', () => {
    const svg = String(
      boxedPicture({
        ...{ picture: 'data:image/png;base64,AAAA', width: 300, height: 200, label: 'a "bus"' },
        groups: [
          { kind: 'boxes', boxes: [[10, 20, 110, 70]], titleOf: (i) => `region ${i}` },
          { kind: 'expected', boxes: [[0, 0, 5, 6]], thickness: 3 },
          { kind: 'predicted', boxes: [] },
        ],
      }),
    );
    expect(svg).toContain('viewBox="0 0 300 200"');
    expect(svg).toContain('aria-label="a &#34;bus&#34;"');
    expect(svg).toContain('<rect x="10" y="20" width="100" height="50"><title>region 0</title></rect>');
    expect(svg).toContain('<g class="expected" stroke-width="3">'); // three times 300 / 300
    expect(svg).not.toContain('predicted');
  });

  test('is as large as the boxes reach without a picture, and empty without anything', () => {
    expect(
      String(boxedPicture({ picture: null, label: '', groups: [{ kind: 'boxes', boxes: [[1, 2, 30, 40]] }] })),
    ).toContain('viewBox="0 0 30 40"');
    expect(String(boxedPicture({ picture: null, label: '', groups: [] }))).toBe('');
  });
});
