import escapeHtml from 'escape-html';

/** HTML whose values were escaped. Only `html` creates it. */
export class Html {
  readonly #text: string;

  /** @param text trusted HTML */
  constructor(text: string) {
    this.#text = text;
  }

  toString(): string {
    return this.#text;
  }
}

/** A value of a template. `null`, `undefined` and `false` add no text. */
export type HtmlValue = Html | string | number | null | undefined | false | readonly HtmlValue[];

function textOf(value: HtmlValue): string {
  if (value instanceof Html) {
    return value.toString();
  }
  if (Array.isArray(value)) {
    return (value as readonly HtmlValue[]).map(textOf).join('');
  }
  return value === null || value === undefined || value === false ? '' : escapeHtml(String(value));
}

/**
 * Creates HTML from a template literal, and escapes every value in it. Values belong in text or in quoted attributes: a
 * value without quotes, and one inside `script` or `style`, would not be safe.
 */
export const html = (parts: TemplateStringsArray, ...values: readonly HtmlValue[]): Html =>
  new Html(parts.map((part, index) => `${part}${textOf(values[index])}`).join(''));
