import type { DeclaredModel } from '../../../definition/models.ts';
import { type AdminModel, createAdminModel } from './admin-model.ts';
import type { Catalog, Column } from './catalog.ts';

/** The models of a project, by name and by table. */
export type Models = Readonly<{
  all: readonly AdminModel[];
  byName: ReadonlyMap<string, AdminModel>;
  byTable: ReadonlyMap<string, AdminModel>;
}>;

/** Returns the models that tenants have, with their defaults. */
export function modelsOf(declared: readonly DeclaredModel[]): Models {
  const all = declared.filter(({ on }) => on.includes('tenant')).map(createAdminModel);
  return {
    all,
    byName: new Map(all.map((model) => [model.model, model])),
    byTable: new Map(all.map((model) => [model.table, model])),
  };
}

/** Returns the column of a field. Undefined: the table has none. */
export const catalogColumn = (
  { columnNames, table }: AdminModel,
  field: string,
  catalog: Catalog,
): Column | undefined => catalog.get(table)?.get(columnNames[field] ?? field);

/** Returns the model that a field refers to, by its foreign key. Null: it is no relation to a declared model. */
export function targetOf(
  models: Models,
  model: AdminModel,
  field: string,
  catalog: Catalog,
): AdminModel | null {
  const table = catalogColumn(model, field, catalog)?.refersTo;
  return (table === null || table === undefined ? undefined : models.byTable.get(table)) ?? null;
}

/** Whether staff can add a row: every column that an insert must set is a field that staff may set. */
export function canAdd(model: AdminModel, catalog: Catalog): boolean {
  const columns = catalog.get(model.table);
  if (model.isReadOnly || !columns) {
    return false;
  }
  const settable = new Set(
    Object.keys(model.serializer.body.shape).map((field) => model.columnNames[field] ?? field),
  );
  return [...columns].every(([name, { isRequired }]) => !isRequired || settable.has(name));
}
