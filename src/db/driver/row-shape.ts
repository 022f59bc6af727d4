import type pg from 'pg';

export type Row = Record<string, unknown>;
export type Field = Readonly<{ name: string; dataTypeID: number }>;

/** The columns of a result, and how their values are parsed. */
export class RowShape {
  readonly fields: readonly Field[];
  readonly #parsers: ReadonlyArray<(text: string) => unknown>;
  // Rows that start as a copy of the same object share their hidden class.
  readonly #empty: Row;

  constructor(fields: readonly Field[], types: pg.CustomTypesConfig) {
    this.fields = fields;
    this.#parsers = fields.map(({ dataTypeID }) => types.getTypeParser(dataTypeID, 'text'));
    const empty: Row = Object.create(null);
    for (const { name } of fields) {
      empty[name] = null;
    }
    this.#empty = { ...empty };
  }

  parse(values: ReadonlyArray<string | null>): Row {
    const row = { ...this.#empty };
    for (const [index, { name }] of this.fields.entries()) {
      const value = values[index];
      row[name] = value === null || value === undefined ? null : this.#parsers[index]?.(value);
    }
    return row;
  }
}
