import { dataOf, site } from '../api/client';
import type { JsonSchema } from '../schema-form/schema';

/** Lists of the API from which arguments are chosen, by the name in their schema. */
const LISTS: Readonly<Record<string, () => Promise<readonly string[]>>> = {
  dumps: async () => (await dataOf(site.GET('/api/dumps/'))).results.map(({ name }) => name),
};

/**
 * Returns the schema with the values of its lists. A list that is empty or cannot be loaded is omitted: its argument is
 * a text then.
 */
export async function withChoices(schema: JsonSchema): Promise<JsonSchema> {
  const entries = await Promise.all(
    Object.entries(schema.properties ?? {}).map(async ([name, field]) => {
      const values = await LISTS[field.choices ?? '']?.().catch(() => []);
      return [name, values && values.length > 0 ? { ...field, enum: values } : field] as const;
    }),
  );
  return { ...schema, properties: Object.fromEntries(entries) };
}
