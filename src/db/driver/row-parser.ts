import { type Interceptor, SchemaValidationError } from 'slonik';

/**
 * Creates an interceptor that validates every row with the schema of its query. Slonik itself does not
 * apply `sql.type(schema)`.
 */
export function createRowParser(): Interceptor {
  return {
    name: 'row-parser',
    transformRow: ({ resultParser }, query, row) => {
      if (!resultParser) {
        return row;
      }
      const result = resultParser['~standard'].validate(row);
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
      return result.value as typeof row;
    },
  };
}
