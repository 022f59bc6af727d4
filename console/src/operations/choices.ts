import { dataOf, site } from '../api/client';
import { fallbackTo } from '../api/failure';
import type { JsonSchema } from '../schema-form/schema';

/** Lists of the API that have the choices of an argument, by the name in its schema. */
const LISTS: Readonly<Record<string, () => Promise<readonly string[]>>> = {
  dumps: async () => (await dataOf(site.GET('/api/dumps/'))).results.map(({ name }) => name),
};

/**
 * Returns the schema with the choices of its lists. If a list is empty or cannot be loaded, the operator types the
 * argument.
 */
export async function withChoices(schema: JsonSchema): Promise<JsonSchema> {
  const entries = await Promise.all(
    Object.entries(schema.properties ?? {}).map(async ([name, field]) => {
      const values = await LISTS[field.choices ?? '']?.().catch(fallbackTo([]));
      return [name, values && values.length > 0 ? { ...field, enum: values } : field] as const;
    }),
  );
  return { ...schema, properties: Object.fromEntries(entries) };
}
