import { sqlComment } from '../db/sql/sql-comment.ts';
import type { Watch } from '../tenancy/context/with-tenant.ts';
import type { SchemaName } from '../tenancy/registry/tenant.ts';
import type { RequestTrace } from './request-trace.ts';

/** The statements of one request and the time that they took. */
export type DatabaseUse = Readonly<{
  /** Number of statements of handlers and rules. The entry, its guards, BEGIN and COMMIT are not counted. */
  queries: () => number;
  /** Milliseconds spent waiting for PostgreSQL. */
  milliseconds: () => number;
  watch: Watch;
}>;

/**
 * Creates a counter of the statements of one request. It is passed to each transaction, so that no
 * global state maps requests to counters.
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
