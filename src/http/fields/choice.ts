import { z } from 'zod';

import { createField, type Field, fail, withJsonSchema } from './field.ts';
import { scalarText } from './python-text.ts';

/** Maximum characters of the value that a message repeats. */
const MAX_SHOWN = 100;

/** Returns a value as Python writes it, simplified for readers. */
function shown(value: unknown): string {
  if (typeof value === 'boolean') {
    return value ? 'True' : 'False';
  }
  return (scalarText(value) ?? JSON.stringify(value)).slice(0, MAX_SHOWN);
}

/** Creates a ChoiceField. A choice that is a number is also accepted as a string, and vice versa. */
export function choice<const Choice extends string | number>(
  choices: readonly Choice[],
  { blank = false }: Readonly<{ blank?: boolean }> = {},
): Field<z.ZodType<Choice>> {
  const byText = new Map<string, Choice>(choices.map((value) => [String(value), value]));
  if (blank) {
    byText.set('', '' as Choice);
  }
  // Rows may hold a choice of an older release.
  const row = withJsonSchema(z.union([z.string(), z.number()]) as unknown as z.ZodType<Choice>, {
    enum: [...byText.values()],
  });
  return createField(row, (value, context) => {
    const text = scalarText(value);
    return (
      (text === null ? undefined : byText.get(text)) ??
      fail(context, `"${shown(value)}" is not a valid choice.`)
    );
  });
}
