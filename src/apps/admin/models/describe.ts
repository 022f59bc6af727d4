import { z } from 'zod';

import { type AdminModel, kindOf, schemaOf } from './admin-model.ts';
import type { Catalog } from './catalog.ts';
import type { Access } from './model-permissions.ts';
import { canAdd, catalogColumn, type Models, targetOf } from './relations.ts';

const names = z.array(z.string());

const field = z.object({
  name: z.string(),
  label: z.string(),
  kind: z.enum(['text', 'long text', 'boolean', 'choice', 'number', 'date', 'json', 'other']),
  read_only: z.boolean(),
  required: z.boolean(),
  nullable: z.boolean(),
  relation: z
    .object({ model: z.string(), label: z.string(), name: z.string() })
    .nullable()
    .describe('The model whose rows the field refers to.'),
  schema: z.looseObject({}).describe('JSON Schema of a value that is not null.'),
});

/** A model as the console reads it, to build lists and forms. */
export const modelDescription = z
  .object({
    model: z.string(),
    app: z.string(),
    name: z.string(),
    name_plural: z.string(),
    label: z.string().describe('The field that names a row.'),
    fields: z.array(field),
    list_columns: names,
    search: names,
    filters: names,
    ordering: names,
    order: names,
    hidden: z.boolean(),
    can: z.object({ add: z.boolean(), change: z.boolean(), delete: z.boolean() }),
  })
  .meta({ id: 'AdminModel' });

/** Returns the constant that an omitted field gets. */
function defaultOf(model: AdminModel, name: string, catalog: Catalog): Readonly<{ default?: unknown }> {
  const { default: value } = catalogColumn(model, name, catalog) ?? {};
  if (value === undefined) {
    return {};
  }
  try {
    const schema = model.fields[name] as z.ZodType;
    return { default: kindOf(schema) === 'json' ? JSON.parse(String(value)) : value };
  } catch {
    return {};
  }
}

/** The columns of the tenant's tables, and the rights of the caller. */
type Known = Readonly<{ catalog: Catalog; mayDo: Access }>;

function describeField(
  models: Models,
  model: AdminModel,
  name: string,
  { catalog, mayDo }: Known,
): z.infer<typeof field> {
  const schema = model.fields[name] as z.ZodType;
  const readOnly = schema instanceof z.ZodReadonly;
  const found = targetOf(models, model, name, catalog);
  // A picker would be rejected.
  const target = found && mayDo(found, 'view') ? found : null;
  return {
    name,
    label: model.titleOf(name, { isRelation: target !== null }),
    kind: kindOf(schema),
    read_only: readOnly,
    required: !readOnly && !schema.safeParse(undefined).success,
    nullable: schema.safeParse(null).success,
    relation: target && { model: target.model, label: target.label, name: target.name },
    schema: { ...schemaOf(schema), ...defaultOf(model, name, catalog) },
  };
}

/** Describes a model for a caller, with the relations that the tenant's foreign keys make. */
export function describeModel(
  models: Models,
  model: AdminModel,
  known: Known,
): z.infer<typeof modelDescription> {
  const { catalog, mayDo } = known;
  const fields = Object.keys(model.fields).map((name) => describeField(models, model, name, known));
  const relations = fields.filter(({ relation }) => relation).map(({ name }) => name);
  return {
    model: model.model,
    app: model.app,
    name: model.name,
    name_plural: model.namePlural,
    label: model.label,
    fields,
    list_columns: [...model.list],
    search: [...model.search],
    filters: [...new Set([...model.shownFilters, ...(model.hasOwnFilters ? [] : relations)])],
    ordering: [...model.ordering],
    order: [...model.order],
    hidden: model.isHidden,
    can: {
      add: canAdd(model, catalog) && mayDo(model, 'add'),
      change: !model.isReadOnly && mayDo(model, 'change'),
      delete: !model.isReadOnly && mayDo(model, 'delete'),
    },
  };
}
