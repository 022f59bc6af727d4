import { sqlComment } from '../db/sql/sql-comment.ts';
import type { Watch } from '../tenancy/context/with-tenant.ts';
import type { SchemaName } from '../tenancy/registry/tenant.ts';
import type { RequestTrace } from './request-trace.ts';

/** What one request has asked of the database until now, and what counts it. */
export type DatabaseUse = Readonly<{
  /** Statements of handlers and rules. The entry, its guards, BEGIN and COMMIT are not counted. */
  queries: () => number;
  /** Milliseconds that it waited for PostgreSQL's answers. */
  milliseconds: () => number;
  watch: Watch;
}>;

/**
 * Counts what a request asks of the database. It is handed on to each
 * transaction, so that nothing global knows which request is which.
 */
export function createDatabaseUse(
  marks: { schema: () => SchemaName | null; route: () => string | undefined },
  trace: Pick<RequestTrace, 'traceparent' | 'onTransaction' | 'onRound'> | null,
): DatabaseUse {
  let queries = 0;
  let milliseconds = 0;
  return {
    queries: () => queries,
    milliseconds: () => milliseconds,
    watch: {
      comment: () =>
        sqlComment({ tenant: marks.schema(), route: marks.route(), traceparent: trace?.traceparent }),
      onTransaction: trace?.onTransaction,
      onRound: (round) => {
        const { text, started, ended } = round;
        queries += text === null ? 0 : 1;
        milliseconds += ended - started;
        trace?.onRound(round);
      },
    },
  };
}
