import { sql } from 'slonik';
import { z } from 'zod';

import { ValidationFailed } from '../../../errors.ts';
import { filtersFor } from '../../../http/lists/filters.ts';
import type { List, PageContext } from '../../../http/lists/list.ts';
import { orderingFor } from '../../../http/lists/ordering.ts';
import { lastValue } from '../../../http/lists/parameters.ts';
import { searchFor } from '../../../http/lists/search.ts';
import { bound, columnInfo } from '../../../http/lists/values.ts';
import { type AdminModel, columnOfField, columnsOfModel, selectedColumns } from './admin-model.ts';
import { type RowId, readRowId } from './row-queries.ts';

/** Columns of a search: as text, so that columns of every type can be searched. */
const searchedColumns = (model: AdminModel) =>
  Object.fromEntries(
    model.search.map((name) => [name, sql.fragment`${columnOfField(model, name)}::text`] as const),
  );

/** Returns the condition of `?search=`. A model without searched fields ignores it. */
const searchOf = (model: AdminModel, { query, state: { limits } }: PageContext) =>
  model.search.length === 0
    ? sql.fragment`true`
    : searchFor(query, model.search, { columns: searchedColumns(model), limits });

/** Returns the list of the rows of a model, with the search, the filters and the order of a request. */
export function rowList(model: AdminModel, ctx: PageContext): List<z.ZodObject> {
  const columns = columnsOfModel(model);
  const { limits } = ctx.state;
  return {
    row: model.serializer.row,
    columns: selectedColumns(model),
    from: sql.fragment`${sql.identifier([model.table])}`,
    where: [searchOf(model, ctx), filtersFor(ctx.query, model.fields, model.filters, { columns, limits })],
    order: orderingFor(ctx.query, model.fields, {
      allowed: model.ordering,
      standard: model.order,
      columns,
    }),
  };
}

/** A row in a picker. */
export const choice = z
  .object({ id: z.union([z.int(), z.string()]), label: z.string() })
  .meta({ id: 'AdminChoice' });

/** Maximum characters of a label. */
const MAX_LABEL = 200;
const MAX_IDS = 100;

/** Returns the ids of `?ids=1,2`. Null: the parameter is missing. */
function readIds(model: AdminModel, { query }: PageContext): readonly RowId[] | null {
  const given = lastValue(query, 'ids') ?? '';
  const parts = given.split(',', MAX_IDS + 1);
  if (parts.length > MAX_IDS) {
    throw new ValidationFailed({ ids: [`Ensure this field has no more than ${MAX_IDS} elements.`] });
  }
  return given === '' ? null : parts.map((text) => readRowId(model, text));
}

/** Returns the list of the rows of a model that a field may refer to, by `?search=` or `?ids=`, in the order of their labels. */
export function choiceList(model: AdminModel, ctx: PageContext): List<z.ZodObject> {
  const ids = readIds(model, ctx);
  const id = columnOfField(model, 'id');
  const { sqlType } = columnInfo(model.fields.id);
  const label = sql.fragment`coalesce(nullif(left(${columnOfField(model, model.label)}::text, ${MAX_LABEL}), ''), '#' || ${id})`;
  return {
    row: z.object({ id: (model.serializer.row as z.ZodObject).shape.id as z.ZodType, label: z.string() }),
    columns: sql.fragment`${id} as id, ${label} as label`,
    from: sql.fragment`${sql.identifier([model.table])}`,
    where: [
      searchOf(model, ctx),
      ids
        ? sql.fragment`${id} in (${sql.join(
            ids.map((each) => bound(each, sqlType)),
            sql.fragment`, `,
          )})`
        : sql.fragment`true`,
    ],
    order: orderingFor({}, model.fields, {
      allowed: [],
      standard: [model.label],
      columns: columnsOfModel(model),
    }),
  };
}
