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
import { DomainError, Unavailable, ValidationFailed } from '../../errors.ts';
import type { TenantId } from '../../tenancy/registry/tenant.ts';
import type { AppMiddleware, Context, State } from '../state.ts';
import { STATUS } from '../status.ts';
import { TokenNotValid } from '../token-not-valid.ts';

/** Where api.md promises a code. The others are Django REST Framework's bodies to the letter. */
const CODED = new Set([401, 402, 403, 409, 503]);

const bodyOf = (error: DomainError): unknown => {
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
    : CODED.has(STATUS[code])
      ? { detail, code }
      : { detail };
};

function answer(ctx: Context, error: DomainError): void {
  ctx.state.code = error.code;
  ctx.status = STATUS[error.code];
  ctx.body = bodyOf(error);
  if (ctx.status === 401) {
    ctx.set('WWW-Authenticate', 'Bearer realm="api"');
  }
  if (error instanceof Unavailable) {
    ctx.set('Retry-After', String(error.retryAfter));
  }
}

/** Answers `ctx.throw` and `ctx.assert`. The message of an error that is not for clients is the status's own. */
function answerHttpError(ctx: Context, error: HttpError): void {
  ctx.status = error.status;
  ctx.body = { detail: error.expose ? error.message : STATUS_CODES[error.status] };
  if (error.status === 401) {
    ctx.set('WWW-Authenticate', 'Bearer realm="api"');
  }
  for (const [name, value] of Object.entries(error.headers ?? {})) {
    ctx.set(name, value);
  }
}

/** What the client sent; null when it could not be parsed. */
function sentBody(body: State['body'] | undefined): unknown {
  try {
    return body?.() ?? null;
  } catch {
    return null;
  }
}

/** Where a bug happened. */
export type BugContext = Readonly<{
  requestId: string;
  method: string | null;
  /** The pattern that the path matched; null when it matched none. */
  route: string | null;
  tenant: string | null;
}>;

/** Of a bug outside of any request. */
export const NO_REQUEST: BugContext = { requestId: 'none', method: null, route: null, tenant: null };

/** Returns the columns of a violated constraint of a tenant's table; empty when unknown. */
export type ColumnsOf = (tenant: TenantId, violation: Violation) => Promise<readonly string[]>;

/**
 * Turns errors from below into the bodies that Django REST Framework sends.
 *
 * A violated constraint has the error that its app gives it, or a 400 on its
 * column. A bug is `Internal error.` for the client, and `onBug` is called with the
 * error. It is also called for an outage that needs an operator, as a full disk does.
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
    // Without its column the client still learns what is wrong.
    const columns = hasColumns ? await columnsOf(tenant.id, violation).catch(() => []) : [];
    return defaultViolation(violation, columns, sentBody(body));
  };

  return async function errorHandler(ctx, next) {
    try {
      await next();
    } catch (thrown) {
      const error = await explain(ctx as Context, thrown);
      const reportBug = (): void =>
        onBug(thrown, {
          requestId: ctx.state.requestId,
          method: ctx.method,
          route: ctx.state.route ?? null,
          tenant: ctx.state.tenant?.id ?? null,
        });
      // Headers of the response that was being made (Location, ETag) are not this one's.
      ctx.remove('Location');
      if (error instanceof DomainError && STATUS[error.code] !== 500) {
        answer(ctx as Context, error);
        if (isForOperator(thrown)) {
          // The client can wait; somebody has to make room.
          reportBug();
        }
        return;
      }
      if (isHttpError(error)) {
        answerHttpError(ctx, error);
        if (error.status >= 500) {
          reportBug();
        }
        return;
      }
      reportBug();
      ctx.status = 500;
      ctx.body = { detail: 'Internal error.' };
    }
  };
}
