import { type Interceptor, type QuerySqlToken, SchemaValidationError } from 'slonik';

import type { Row } from './row-shape.ts';

type Parser = QuerySqlToken['parser'];

/**
 * Returns a row as the schema of its query returns it.
 *
 * @throws SchemaValidationError, which does not contain the row
 */
export function parseRow(
  parser: Parser,
  query: ConstructorParameters<typeof SchemaValidationError>[0],
  row: Row,
): Row {
  const result = parser['~standard'].validate(row);
  if (result instanceof Promise) {
    throw new TypeError('Row schemas must be synchronous.');
  }
  if (result.issues) {
    // Names of columns only: the values are a tenant's data.
    throw new SchemaValidationError(
      query,
      {},
      result.issues.map((issue) => ({
        path: issue.path,
        code: (issue as { code?: string }).code,
      })) as never,
    );
  }
  return result.value as Row;
}

/**
 * Creates an interceptor that validates every row with the schema of its query. Slonik itself does not
 * apply `sql.type(schema)`.
 */
export function createRowParser(): Interceptor {
  return {
    name: 'row-parser',
    transformRow: ({ resultParser }, query, row) =>
      resultParser ? (parseRow(resultParser as Parser, query, row as Row) as typeof row) : row,
  };
}
