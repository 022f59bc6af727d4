import { STATUS_CODES } from 'node:http';
import { type HttpError, isHttpError } from 'http-errors';

import {
  defaultViolation,
  isForOperator,
  translateViolation,
  type Violation,
  type Violations,
  violationOf,
} from '../../db/violations.ts';
import { ApiError, DomainError, Unavailable, ValidationFailed } from '../../errors.ts';
import type { TenantId } from '../../tenancy/registry/tenant.ts';
import { FormBody } from '../body/form-body.ts';
import { sendErrorPage } from '../html/error-page.ts';
import { wantsHtml } from '../html/wants-html.ts';
import type { AppMiddleware, Context, State } from '../state.ts';
import { TokenNotValid } from '../token-not-valid.ts';

/** Statuses whose bodies have a code. Other bodies are exactly those of Django REST Framework. */
const CODED = new Set([401, 402, 403, 409, 412, 428, 503, 504]);

const bodyOf = (error: ApiError): unknown => {
  if (error instanceof ValidationFailed) {
    return error.fields;
  }
  const { code, message: detail } = error;
  return error instanceof TokenNotValid
    ? {
        detail,
        code,
        messages: [{ token_class: 'AccessToken', token_type: 'access', message: error.reason }],
      }
    : CODED.has(error.status)
      ? { detail, code }
      : { detail };
};

function respond(ctx: Context, error: ApiError): void {
  ctx.state.code = error.code;
  ctx.status = error.status;
  ctx.body = bodyOf(error);
  if (ctx.status === 401) {
    ctx.set('WWW-Authenticate', 'Bearer realm="api"');
  }
  if (error instanceof Unavailable) {
    ctx.set('Retry-After', String(error.retryAfter));
  }
}

/**
 * Responds to `ctx.throw` and `ctx.assert`. An error whose message is not for clients gets the
 * standard message of its status.
 */
function respondHttpError(ctx: Context, error: HttpError): void {
  ctx.status = error.status;
  ctx.body = { detail: error.expose ? error.message : STATUS_CODES[error.status] };
  if (error.status === 401) {
    ctx.set('WWW-Authenticate', 'Bearer realm="api"');
  }
  for (const [name, value] of Object.entries(error.headers ?? {})) {
    ctx.set(name, value);
  }
}

/** Returns the parsed body, or null when it could not be parsed. */
function sentBody(body: State['body'] | undefined): unknown {
  try {
    const sent = body?.() ?? null;
    return sent instanceof FormBody ? Object.fromEntries(sent.fields) : sent;
  } catch {
    return null;
  }
}

/** The request in which a bug happened. */
export type BugContext = Readonly<{
  requestId: string;
  method: string | null;
  /** The pattern that the path matched. Null when it matched none. */
  route: string | null;
  tenant: string | null;
}>;

export const bugContextOf = ({ state, method }: Pick<Context, 'state' | 'method'>): BugContext => ({
  requestId: state.requestId,
  method,
  route: state.route ?? null,
  tenant: (state.tenant as State['tenant'] | undefined)?.id ?? null,
});

/** The context of a bug outside any request. */
export const NO_REQUEST: BugContext = { requestId: 'none', method: null, route: null, tenant: null };

/** Returns the columns of a violated constraint of a tenant's table, or an empty list when unknown. */
export type ColumnsOf = (tenant: TenantId, violation: Violation) => Promise<readonly string[]>;

/** The sentence of a body. Null when it has several, by field. */
const detailOf = (body: unknown): string | null => {
  const { detail } = (body ?? {}) as { detail?: unknown };
  return typeof detail === 'string' ? detail : null;
};

/**
 * Replaces the body of an error by a page for clients that prefer HTML. The response to an Accept header that excludes
 * JSON is JSON, as in Django REST Framework.
 */
function toPage(ctx: Context): void {
  ctx.vary('Accept');
  if (ctx.status === 406 || !wantsHtml(ctx)) {
    return;
  }
  const retryAfter = Number(ctx.response.get('Retry-After'));
  sendErrorPage(ctx, {
    status: ctx.status,
    detail: ctx.status === 500 ? null : detailOf(ctx.body),
    retryAfter: retryAfter > 0 ? retryAfter : null,
  });
}

/**
 * Turns errors into the response bodies of Django REST Framework, and into pages for browsers.
 *
 * A violated constraint becomes the error that its app declares, or a 400 on its column. A bug
 * becomes `Internal error.` for the client, and `onBug` is called with the error. `onBug` is also
 * called for an outage that needs an operator, such as a full disk.
 */
export function errorHandler({
  onBug,
  violations = {},
  columnsOf = async () => [],
}: {
  onBug: (error: unknown, context: BugContext) => void;
  violations?: Violations;
  columnsOf?: ColumnsOf;
}): AppMiddleware {
  const explain = async (ctx: Context, thrown: unknown): Promise<unknown> => {
    const error = translateViolation(thrown, violations);
    const violation = error instanceof DomainError ? null : violationOf(error);
    const { tenant, body } = ctx.state;
    if (!violation || !tenant) {
      return error;
    }
    const hasColumns = violation.kind === 'unique' || violation.kind === 'foreign_key';
    // If the column cannot be read, the client still gets the general message.
    const columns = hasColumns ? await columnsOf(tenant.id, violation).catch(() => []) : [];
    return defaultViolation(violation, columns, sentBody(body));
  };

  const handle = async (ctx: Context, thrown: unknown): Promise<void> => {
    const error = await explain(ctx, thrown);
    const reportBug = (): void => onBug(thrown, bugContextOf(ctx));
    // The headers of the abandoned response (Location, ETag) do not apply to the error.
    for (const name of ['Location', 'ETag', 'Content-Disposition']) {
      ctx.remove(name);
    }
    if (error instanceof ApiError && error.status !== 500) {
      respond(ctx, error);
      if (isForOperator(thrown)) {
        // The client can retry, but an operator has to free resources.
        reportBug();
      }
      return;
    }
    if (isHttpError(error)) {
      respondHttpError(ctx, error);
      if (error.status >= 500) {
        reportBug();
      }
      return;
    }
    reportBug();
    ctx.status = 500;
    ctx.body = { detail: 'Internal error.' };
  };

  return async function errorHandler(ctx, next) {
    try {
      await next();
    } catch (thrown) {
      await handle(ctx as Context, thrown);
      toPage(ctx as Context);
    }
  };
}
