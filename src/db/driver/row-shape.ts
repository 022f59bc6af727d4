import type pg from 'pg';

export type Row = Record<string, unknown>;
export type Field = Readonly<{ name: string; dataTypeID: number }>;

type Column = Readonly<{ name: string; parse: (text: string) => unknown }>;

/** The columns of a result, and how their values are parsed. */
export class RowShape {
  readonly fields: readonly Field[];
  readonly #columns: readonly Column[];
  // Rows that start as a copy of the same object share their hidden class.
  readonly #empty: Row;

  constructor(fields: readonly Field[], types: pg.CustomTypesConfig) {
    this.fields = fields;
    this.#columns = fields.map(({ name, dataTypeID }) => ({
      name,
      parse: types.getTypeParser(dataTypeID, 'text'),
    }));
    const empty: Row = Object.create(null);
    for (const { name } of fields) {
      empty[name] = null;
    }
    this.#empty = { ...empty };
  }

  /** Returns the row of a DataRow message, whose content begins at `start`. */
  parse(bytes: Buffer, start: number): Row {
    const row = { ...this.#empty };
    let at = start + 2;
    let left = bytes.readInt16BE(start);
    for (const { name, parse } of this.#columns) {
      if (left === 0) {
        break;
      }
      left -= 1;
      const length = bytes.readInt32BE(at);
      at += 4;
      if (length < 0) {
        row[name] = null;
      } else {
        row[name] = parse(bytes.toString('utf8', at, at + length));
        at += length;
      }
    }
    return row;
  }
}
