import type { Model } from './fixtures/model.ts';

/** What an app says of one of its tables. */
export type TableDeclaration = Readonly<
  /** Name and rules of the table in fixtures. Without it fixtures cannot hold its rows. */
  Partial<Omit<Model, 'table'>> & {
    /**
     * What dump, restore and clone do with its rows.
     *
     * - `rows`: everything. The default.
     * - `original`: dumped, and restored as the same tenant; a copy has none of them.
     * - `never`: neither dumped, restored nor cloned. For sessions, keys and pending
     *   mail, which a backup must not bring back. Keep the declaration of a renamed or
     *   dropped table while dumps that contain it are restored.
     */
    dump?: 'rows' | 'original' | 'never';
  }
>;

/** By table. In the order of fixtures: tables that are referred to come first. */
export type TableDeclarations = Readonly<Record<string, TableDeclaration>>;

/** Returns the tables that fixtures may hold. */
export const modelsOf = (tables: TableDeclarations): readonly Model[] =>
  Object.entries(tables).flatMap(([table, { dump: _, model, ...rules }]) =>
    model === undefined ? [] : [{ ...rules, model, table }],
  );
