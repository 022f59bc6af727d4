import { sqlComment } from '../db/sql/sql-comment.ts';
import { createGrowingCache } from '../growing-cache.ts';
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

type Comment = Readonly<{ text: string | null }>;

/** Comments of requests without a trace, by schema and route. */
const comments = createGrowingCache<string, Comment>(10_000);

function commentOf(tenant: SchemaName | null, route: string | undefined): string | null {
  const name = `${tenant} ${route}`;
  const known = comments.get(name);
  if (known) {
    return known.text;
  }
  const text = sqlComment({ tenant, route });
  comments.set(name, { text });
  return text;
}

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
        trace
          ? sqlComment({ tenant: marks.schema(), route: marks.route(), traceparent: trace.traceparent })
          : commentOf(marks.schema(), marks.route()),
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
