import { Readable } from 'node:stream';
import type { QuerySqlToken } from 'slonik';
import { z } from 'zod';

import { translateViolation } from '../../db/violations.ts';
import { ApiError, ValidationFailed } from '../../errors.ts';
import { fetchRows } from '../../tenancy/context/fetch-rows.ts';
import { flushEntry } from '../../tenancy/context/with-tenant.ts';
import { type OperationDescription, operation } from '../openapi/description.ts';
import { declareProduces, declareSingle } from '../single.ts';
import type { Context, Handler } from '../state.ts';
import { EXPORT_FORMATS, type ExportFormat } from './formats.ts';

/** The query of an export. */
export type Export = Readonly<{
  /** The name of the file, without extension. */
  name: string;
  /** Rows without an order are in the order that PostgreSQL finds them. */
  query: QuerySqlToken<z.ZodObject>;
}>;

/** Milliseconds after which the user and the status of the tenant are checked again. */
const RECHECK_MS = 2_000;

const TYPES = Object.values(EXPORT_FORMATS).map(({ type }) => type);

/** @throws ValidationFailed for an unknown `?format=` */
function formatOf(ctx: Context): ExportFormat {
  const given = [ctx.query.format ?? ''].flat().at(-1);
  if (given) {
    if (!Object.hasOwn(EXPORT_FORMATS, given)) {
      throw new ValidationFailed({ format: [`"${given.slice(0, 100)}" is not a valid choice.`] });
    }
    return EXPORT_FORMATS[given as keyof typeof EXPORT_FORMATS];
  }
  const accepted = ctx.accepts(...TYPES);
  return Object.values(EXPORT_FORMATS).find(({ type }) => type === accepted) ?? EXPORT_FORMATS.csv;
}

const DESCRIPTION: OperationDescription = {
  query: {
    format: z
      .enum(Object.keys(EXPORT_FORMATS))
      .optional()
      .describe('Default: by the Accept header, otherwise csv.'),
  },
  errors: ['overloaded', 'validation_failed'],
  responses: {
    200: {
      description: 'All rows, as a file. A response without its end is incomplete.',
      content: Object.fromEntries(TYPES.map((type) => [type, null])),
      headers: { 'Content-Disposition': 'The name of the file.' },
    },
  },
};

type Rows = ReadonlyArray<Readonly<Record<string, unknown>>>;

/** An export whose first rows were read. */
type Started = Readonly<{
  name: string;
  format: ExportFormat;
  columns: readonly string[];
  /** The first rows, then the others. */
  parts: AsyncGenerator<Rows, void, undefined>;
}>;

async function* partsFrom(first: IteratorResult<Rows, void>, rest: AsyncGenerator<Rows, void, undefined>) {
  if (!first.done) {
    yield first.value;
    yield* rest;
  }
}

/** Runs the query and reads the first rows, so that errors until then are ordinary responses. */
async function start(
  ctx: Context,
  tx: Parameters<typeof fetchRows>[0],
  build: (ctx: Context) => Export,
): Promise<Started> {
  const format = formatOf(ctx);
  const { name, query } = build(ctx);
  const columns = Object.keys((query.parser as z.ZodObject).shape);
  if (ctx.method === 'HEAD') {
    await flushEntry(tx);
    return {
      name,
      format,
      columns,
      parts: partsFrom({ done: true, value: undefined }, fetchRows(tx, query)),
    };
  }
  const rest = fetchRows(tx, query) as AsyncGenerator<Rows, void, undefined>;
  return { name, format, columns, parts: partsFrom(await rest.next(), rest) };
}

const tooSlow = (reason: string): ApiError =>
  new ApiError('export_timeout', `The export was ended: ${reason}.`);

/** Ends a stream whose reader, or whose rows, take too long. */
function limitTime(
  stream: Readable,
  { exportTimeout, idleTimeout }: Readonly<{ exportTimeout: number; idleTimeout: number }>,
) {
  const total = setTimeout(() => stream.destroy(tooSlow('EXPORT_TIMEOUT has passed')), exportTimeout);
  let idle: NodeJS.Timeout | undefined;
  stream.once('close', () => {
    clearTimeout(total);
    clearTimeout(idle);
  });
  return {
    /** Called when the client has to read. PostgreSQL would end the connection after `idleTimeout`. */
    onWait: () => {
      clearTimeout(idle);
      const reason = 'the client did not read within IDLE_IN_TRANSACTION_TIMEOUT';
      idle = setTimeout(() => stream.destroy(tooSlow(reason)), idleTimeout * 0.9);
    },
    onRead: () => clearTimeout(idle),
  };
}

/**
 * Creates the handler of a GET route that returns all rows of a query as a file: `?format=csv` or `ndjson`. Only a few
 * hundred kilobytes of it are in memory. The stack must be `authenticated`; `ctx.state.tx` is not set.
 *
 * The transaction ends with the response, when the client leaves, when it stops reading, and after EXPORT_TIMEOUT. An
 * error after the first rows closes the connection before the end of the response, so no client takes a part for
 * the whole.
 *
 *     GET: exportRows((ctx) => ({ name: 'notes', query: selectList(noteList(ctx)) })),
 */
export function exportRows(build: (ctx: Context) => Export): Handler {
  const handler: Handler = async (ctx) => {
    const { runExport, limits } = ctx.state;
    if (!runExport || !limits) {
      throw new TypeError(
        'exportRows() needs a path registered with resource(), and the stack "authenticated".',
      );
    }
    const started = Promise.withResolvers<Started>();
    const closed = Promise.withResolvers<void>();
    let recheck = async (): Promise<void> => {};
    const ended = runExport(async (tx, check) => {
      recheck = check;
      started.resolve(await start(ctx, tx, build));
      await closed.promise;
    });
    ended.catch(started.reject);

    const { name, format, columns, parts } = await started.promise;
    async function* texts(): AsyncGenerator<string, void, undefined> {
      let checked = performance.now();
      let text = format.head(columns);
      for await (const rows of parts) {
        time.onWait();
        yield text + format.body(columns, rows);
        time.onRead();
        text = '';
        if (performance.now() - checked > RECHECK_MS) {
          checked = performance.now();
          await recheck();
        }
      }
      if (text !== '') {
        yield text;
      }
      closed.resolve();
      await ended;
    }
    const stream = Readable.from(texts(), { objectMode: false });
    const time = limitTime(stream, limits);
    stream.once('error', (error) => {
      const explained = translateViolation(error, {});
      if (explained instanceof ApiError) {
        ctx.state.code = explained.code;
      }
    });
    stream.once('close', closed.resolve);
    ctx.attachment(`${name}.${format.extension}`);
    ctx.type = format.type;
    if (ctx.method === 'HEAD') {
      stream.destroy();
      await ended;
      ctx.status = 200;
    } else {
      ctx.body = stream;
    }
  };
  declareSingle(handler);
  declareProduces(handler, TYPES);
  return operation(DESCRIPTION, handler);
}
