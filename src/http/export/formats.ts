import { stringify } from 'csv-stringify/sync';

type Row = Readonly<Record<string, unknown>>;

/** How rows become the text of an export. */
export type ExportFormat = Readonly<{
  type: string;
  extension: string;
  /** Returns the text before the first row. */
  head: (columns: readonly string[]) => string;
  /** Returns the text of rows. */
  body: (columns: readonly string[], rows: readonly Row[]) => string;
}>;

/**
 * Spreadsheets run a cell that begins with one of these as a formula (OWASP: CSV injection). An apostrophe before it
 * makes it text. A number remains a number.
 */
const FORMULA = /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/;
const NUMBER = /^[+-]?\d+(?:\.\d+)?$/;

/** Returns the text of a value in a CSV file: that of JSON, without quotation marks. Null is empty. */
function cellOf(value: unknown): string {
  if (value === null || value === undefined) {
    return '';
  }
  const json = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  const text = typeof value !== 'string' && json.startsWith('"') ? (JSON.parse(json) as string) : json;
  return FORMULA.test(text) && !NUMBER.test(text) ? `'${text}` : text;
}

/** Returns records as CSV of RFC 4180. */
const csvOf = (records: readonly (readonly string[])[]): string =>
  // Line breaks of other systems within a cell need quotation marks, too.
  stringify(records as string[][], { record_delimiter: 'windows', quoted_match: /[\r\n]/ });

/** The formats of exports, by the value of `?format=`. */
export const EXPORT_FORMATS = {
  csv: {
    type: 'text/csv',
    extension: 'csv',
    head: (columns) => csvOf([columns]),
    body: (columns, rows) => csvOf(rows.map((row) => columns.map((name) => cellOf(row[name])))),
  },
  ndjson: {
    type: 'application/x-ndjson',
    extension: 'ndjson',
    head: () => '',
    body: (_columns, rows) => rows.map((row) => `${JSON.stringify(row)}\n`).join(''),
  },
} as const satisfies Record<string, ExportFormat>;
