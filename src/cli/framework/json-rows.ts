import type { StatementResult } from '../../tenancy/context/run-statement.ts';
import { exactNumber, isJsonNumber, parseExact } from '../../tenancy/fixtures/exact-json.ts';

/** OIDs of pg_type, the same in every installation. */
const NUMBERS = new Set([20, 21, 23, 26, 700, 701]);
const JSONS = new Set([114, 3802]);

/** Returns a number only if JavaScript can represent all of its digits. numeric and dates remain text. */
function jsonValue(type: number, value: string | boolean | null): unknown {
  if (typeof value !== 'string') {
    return value;
  }
  if (JSONS.has(type)) {
    return parseExact(value);
  }
  return NUMBERS.has(type) && isJsonNumber(value) && !(Math.abs(Number(value)) > Number.MAX_SAFE_INTEGER)
    ? exactNumber(value)
    : value;
}

/** Returns the rows of a statement for JSON output. `JSON.stringify` writes every digit of a json value. */
export const jsonRows = ({ columns, rows }: StatementResult): ReadonlyArray<Record<string, unknown>> =>
  rows.map((row) =>
    Object.fromEntries(columns.map(({ name, type }) => [name, jsonValue(type, row[name] ?? null)])),
  );
