// Markup from templates: inserted values are escaped, unless they are markup.
import { requireKinds } from '../options.js';

/** Text escaped for HTML. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** HTML that is inserted without escaping. */
export class Markup {
  constructor(private readonly text: string) {}

  toString(): string {
    return this.text;
  }
}

/** A value in a template: texts and numbers are escaped, lists are joined, null is empty. */
export type Fragment = Markup | string | number | null | readonly Fragment[];

/**
 * Markup from a template: `` html`<b>${name}</b>` ``. The template's own indentation is removed.
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

/** A stylesheet, unchanged; editors and formatters recognise the tag. */
export const css = String.raw;
