import { type FragmentSqlToken, type QuerySqlToken, sql } from 'slonik';
import { z } from 'zod';

import { fieldInfo } from '../../../http/fields/field.ts';
import { jsonb } from '../../../http/fields/json.ts';
import { notFound, parseIdentifier } from '../../../http/identifier.ts';
import { bound, columnInfo } from '../../../http/lists/values.ts';
import { type AdminModel, columnOfField, selectedColumns } from './admin-model.ts';

/** A row as clients receive it. */
export type Row = Readonly<Record<string, unknown>>;
type RowSchema = z.ZodType<Row>;

export type RowId = number | string;

/**
 * Returns the id in a path, as the model's field reads it.
 *
 * @throws ApiError `not_found` for a text that cannot be an id
 */
export function readRowId({ fields }: AdminModel, text: string | undefined): RowId {
  const schema = fields.id as z.ZodType;
  const info = fieldInfo(schema);
  const given = info?.sqlType === 'bigint' ? parseIdentifier(text) : text;
  const parsed = (info?.base ?? schema).safeParse(given);
  if (!parsed.success || (typeof parsed.data !== 'number' && typeof parsed.data !== 'string')) {
    throw notFound();
  }
  return parsed.data;
}

/** Returns the SQL of a parsed value, in the type of the field's column. */
function sqlValue(schema: z.ZodType, value: unknown): FragmentSqlToken {
  const { sqlType } = columnInfo(schema);
  if (value === null) {
    return sql.fragment`null`;
  }
  if (sqlType === 'jsonb') {
    return jsonb(value);
  }
  if (value instanceof Date) {
    return bound(value.toISOString(), sqlType);
  }
  if (Array.isArray(value) && value.every((member) => typeof member === 'string')) {
    return sql.fragment`${sql.array(value, 'text')}`;
  }
  return typeof value === 'object' ? jsonb(value) : bound(value, sqlType);
}

const tableOf = ({ table }: AdminModel) => sql.identifier([table]);

const isRow = (model: AdminModel, id: RowId): FragmentSqlToken =>
  sql.fragment`${columnOfField(model, 'id')} = ${sqlValue(model.fields.id as z.ZodType, id)}`;

const rowOf = ({ serializer }: AdminModel): RowSchema => serializer.row as unknown as RowSchema;

/** Returns the values of a body that were sent, by field. */
const sentValues = ({ fields }: AdminModel, body: Row) =>
  Object.entries(body).flatMap(([name, value]) => {
    const schema = fields[name];
    return value === undefined || !schema ? [] : [{ name, value: sqlValue(schema, value) }];
  });

export const selectRow = (model: AdminModel, id: RowId): QuerySqlToken<RowSchema> => sql.type(rowOf(model))`
  select ${selectedColumns(model)}
  from ${tableOf(model)}
  where ${isRow(model, id)}
`;

/** Selects the same row, locked until the transaction ends. */
export const lockRow = (model: AdminModel, id: RowId): QuerySqlToken<RowSchema> => sql.type(rowOf(model))`
  select ${selectedColumns(model)}
  from ${tableOf(model)}
  where ${isRow(model, id)}
  for update
`;

export function insertRow(model: AdminModel, body: Row): QuerySqlToken<RowSchema> {
  const values = sentValues(model, body);
  const columns = values.map(({ name }) => columnOfField(model, name));
  const given =
    values.length === 0
      ? sql.fragment`default values`
      : sql.fragment`(${sql.join(columns, sql.fragment`, `)}) values (${sql.join(
          values.map(({ value }) => value),
          sql.fragment`, `,
        )})`;
  return sql.type(rowOf(model))`
    insert into ${tableOf(model)} ${given}
    returning ${selectedColumns(model)}
  `;
}

/** Returns the query that changes the given fields. Null: there are none. */
export function updateRow(model: AdminModel, id: RowId, body: Row): QuerySqlToken<RowSchema> | null {
  const changes = sentValues(model, body).map(
    ({ name, value }) => sql.fragment`${columnOfField(model, name)} = ${value}`,
  );
  return changes.length === 0
    ? null
    : sql.type(rowOf(model))`
        update ${tableOf(model)}
        set ${sql.join(changes, sql.fragment`, `)}
        where ${isRow(model, id)}
        returning ${selectedColumns(model)}
      `;
}

const nothing = z.object({});

export const deleteRow = (model: AdminModel, id: RowId): QuerySqlToken<typeof nothing> => sql.type(nothing)`
  delete from ${tableOf(model)}
  where ${isRow(model, id)}
`;
