// Markup from templates: what is put into one is escaped, unless it is markup itself.
import { requireKinds } from '../options.js';

/** Text as it may stand in HTML. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** HTML that may be put into a page as it is. */
export class Markup {
  constructor(private readonly text: string) {}

  toString(): string {
    return this.text;
  }
}

/** What a template may hold: texts and numbers are escaped, lists are joined, null is nothing. */
export type Fragment = Markup | string | number | null | readonly Fragment[];

/**
 * Markup from a template: `` html`<b>${name}</b>` ``. The template's own indentation is left out.
 * @example
 * const items = ['a < b', 'c'].map((text) => html`<li>${text}</li>`);
 * String(html`<ul>${items}</ul>`); // <ul><li>a &#60; b</li><li>c</li></ul>
 */
export function html(strings: TemplateStringsArray, ...values: readonly Fragment[]): Markup {
  requireKinds('html', { 'a list': { strings } });
  const own = strings.map((text) => text.replace(/\n\s+/g, '\n'));
  return new Markup(own.map((text, i) => (i === 0 ? text : `${textOf(values[i - 1] ?? null)}${text}`)).join(''));
}

function textOf(value: Fragment): string {
  if (value === null) return '';
  if (value instanceof Markup) return value.toString();
  return Array.isArray(value) ? value.map((one: Fragment) => textOf(one)).join('') : escapeHtml(String(value));
}

/** A stylesheet as it is written: the tag lets editors and formatters know what it is. */
export const css = String.raw;
