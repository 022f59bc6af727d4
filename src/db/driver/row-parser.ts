import { type Interceptor, SchemaValidationError } from 'slonik';

/**
 * Validates every row with the schema its query was tagged with. Without it,
 * `sql.type(schema)` is only an opinion.
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
        throw new TypeError('Row schemas answer at once.');
      }
      if (result.issues) {
        // Names of columns only: the row itself is a tenant's.
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
