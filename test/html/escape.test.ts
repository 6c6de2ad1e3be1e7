import { describe, expect, test } from '@jest/globals';
import { escapeHtml, html } from '../../src/html/escape.js';

describe('escapeHtml', () => {
  test('escapes names', () => {
    expect(escapeHtml('<a href="x">&')).toBe('&#60;a href=&#34;x&#34;&#62;&#38;');
  });
});

describe('html', () => {
  test('escapes texts, keeps markup, joins lists, and leaves out null', () => {
    const items = ['<b>', 'c & d'].map((text) => html`<li>${text}</li>`);
    expect(String(html`${items}${null}${7}`)).toBe('<li>&#60;b&#62;</li><li>c &#38; d</li>7');
    expect(String(html`<b title="${'"'}"></b>`)).toBe('<b title="&#34;"></b>');
  });
});
