import type { QuerySqlToken } from 'slonik';
import type { z } from 'zod';

import type { TenantTransaction } from '../tenancy/context/with-tenant.ts';
import type { Context, Handler, RunSingle } from './state.ts';

const singles = new WeakSet<Handler>();

/** Whether a handler was made by `single`. */
export const isSingle = (handler: Handler | undefined): boolean =>
  handler !== undefined && singles.has(handler);

/** Makes `tenantTransaction` open no transaction for a handler: it runs `runSingle` or `runExport`. */
export const declareSingle = (handler: Handler): void => {
  singles.add(handler);
};

const produced = new WeakMap<Handler, readonly string[]>();

/** Declares the types of a handler's responses in addition to JSON. */
export const declareProduces = (handler: Handler, types: readonly string[]): void => {
  produced.set(handler, types);
};

/** Returns the declared types of a handler's responses in addition to JSON. */
export const producesOf = (handler: Handler | undefined): readonly string[] =>
  (handler && produced.get(handler)) ?? [];

/** Returns how the query of `single` runs in an ordinary transaction, together with other statements. */
export const runSingleIn = (tx: TenantTransaction): RunSingle =>
  (async (build) => tx.any(build())) as RunSingle;

/** A query, and the function that responds with its rows. */
export type SingleQuery<Schema extends z.ZodType> = Readonly<{
  query: QuerySqlToken<Schema>;
  /** Sets the response. It cannot undo the query, which is committed by then. */
  respond: (rows: ReadonlyArray<z.output<Schema>>) => void;
}>;

/** Like `single`, for a query whose response depends on how it was built, such as a page. */
export function singleQuery<Schema extends z.ZodType>(build: (ctx: Context) => SingleQuery<Schema>): Handler {
  const handler: Handler = async (ctx) => {
    const { runSingle } = ctx.state;
    if (!runSingle) {
      throw new TypeError('single() needs a path registered with resource(), and the stack "authenticated".');
    }
    let respond: SingleQuery<Schema>['respond'] = () => {};
    const rows = await runSingle(() => {
      const single = build(ctx);
      respond = single.respond;
      return single.query;
    });
    respond(rows);
  };
  declareSingle(handler);
  return handler;
}

/**
 * Creates the handler of a route that runs one statement. The entry of the transaction, the checks of
 * the caller and the statement are sent to PostgreSQL together, which halves the cost of a request.
 *
 * `build` returns the query. It has no transaction: `ctx.state.tx` is not set. Errors that it throws
 * reject the request. `respond` is called with the rows when PostgreSQL has committed, so it should
 * reject nothing: an error there does not undo the query.
 *
 *     GET: single((ctx) => selectNote(parseIdentifier(ctx.params.id)), (ctx, [note]) => {
 *       ctx.body = orNotFound(note);
 *     }),
 */
export const single = <Schema extends z.ZodType>(
  build: (ctx: Context) => QuerySqlToken<Schema>,
  respond: (ctx: Context, rows: ReadonlyArray<z.output<Schema>>) => void,
): Handler => singleQuery<Schema>((ctx) => ({ query: build(ctx), respond: (rows) => respond(ctx, rows) }));
