import { type DatabaseTransactionConnection, type QueryResult, sql } from 'slonik';

import { ApiError } from '../../errors.ts';

const QUERIES = [
  'any',
  'anyFirst',
  'exists',
  'many',
  'manyFirst',
  'maybeOne',
  'maybeOneFirst',
  'one',
  'oneFirst',
  'query',
  'record',
  'stream',
] as const satisfies ReadonlyArray<keyof DatabaseTransactionConnection>;

/**
 * Runs a statement of a query builder: its text with `$1`, `$2`, … and the values to bind. The text is
 * subject to the same checks as every statement. Rows are returned without validation.
 *
 * @throws DomainError `statement_refused`, when the first keyword of the text does not read or write
 *   rows
 */
export type TextQuery = <Row = Readonly<Record<string, unknown>>>(
  text: string,
  values?: readonly unknown[],
) => Promise<QueryResult<Row>>;

type Query = (...args: unknown[]) => Promise<unknown>;

/** Returns the arguments of Slonik's query for those of `TextQuery`, and others unchanged. */
function asToken(args: readonly unknown[]): readonly unknown[] {
  const [text, values = []] = args;
  if (typeof text !== 'string') {
    return args;
  }
  if (!Array.isArray(values)) {
    throw new TypeError('The values of a query must be an array.');
  }
  // A copy: the driver takes other objects in this place for its own.
  return [{ ...sql.unsafe`select`, sql: text, values: [...values] }];
}
type Transaction = DatabaseTransactionConnection['transaction'];

export type TrackedQueries = Readonly<{
  tx: DatabaseTransactionConnection;
  /**
   * Waits for the queries that are in progress. Later queries reject.
   *
   * @throws DomainError `transaction_aborted` if there were any
   */
  close: () => Promise<void>;
}>;

/**
 * Wraps a transaction so that a query without `await` fails its transaction.
 *
 * The rejection of a query that runs inside the transaction is always handled here, so that it cannot
 * end the process. A query after the end of the transaction returns a rejected promise and sends
 * nothing.
 */
export function trackQueries(raw: DatabaseTransactionConnection): TrackedQueries {
  const running = new Set<Promise<unknown>>();
  let isOpen = true;

  const track = (run: () => Promise<unknown>): Promise<unknown> => {
    if (!isOpen) {
      return Promise.reject(
        new ApiError(
          'transaction_aborted',
          'The transaction has ended: a query was sent after its handler returned. Await every query.',
        ),
      );
    }
    const promise = run();
    running.add(promise);
    const remove = (): void => {
      running.delete(promise);
    };
    promise.then(remove, remove);
    return promise;
  };

  const transaction = ((handler, ...rest) =>
    track(() =>
      raw.transaction(
        async (nested) => {
          const { tx, close } = trackQueries(nested);
          try {
            const result = await handler(tx);
            await close();
            return result;
          } catch (error) {
            await close().catch(() => {});
            throw error;
          }
        },
        ...rest,
      ),
    )) as Transaction;
  const queries = QUERIES.map((name): [string, Query] => [
    name,
    (...args) =>
      track(async () => (raw[name] as Query).apply(raw, [...(name === 'query' ? asToken(args) : args)])),
  ]);

  return {
    tx: Object.assign(Object.create(raw), Object.fromEntries(queries), { transaction }),
    close: async () => {
      isOpen = false;
      if (running.size > 0) {
        await Promise.allSettled(running);
        throw new ApiError(
          'transaction_aborted',
          'A query was still running when its handler returned, so nothing was saved. Await every query.',
        );
      }
    },
  };
}
