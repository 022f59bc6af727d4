import { translateViolation, type Violations } from '../../db/violations.ts';
import { DomainError, Unavailable, ValidationFailed } from '../../errors.ts';
import type { AppMiddleware, Context } from '../state.ts';
import { STATUS } from '../status.ts';
import { TokenNotValid } from '../token-not-valid.ts';

/** Where api.md promises a code. The others are Django REST Framework's bodies to the letter. */
const CODED = new Set([401, 402, 403, 503]);

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

/**
 * Turns what was thrown below into the bodies that Django REST Framework sends.
 *
 * What a client did wrong is said in one sentence; a bug is `Internal error.`
 * and nothing else ever, its story goes to `onBug` with the request's id. So does
 * a full disk.
 */
export function problems({
  onBug,
  violations,
}: {
  onBug: (error: unknown, requestId: string) => void;
  /** Named constraints of the apps. */
  violations: Violations;
}): AppMiddleware {
  return async function problems(ctx, next) {
    try {
      await next();
    } catch (thrown) {
      const error = translateViolation(thrown, violations);
      // Headers of the answer that was being made (Location, ETag) are not this one's.
      ctx.remove('Location');
      if (error instanceof DomainError && STATUS[error.code] !== 500) {
        answer(ctx, error);
        if (error.code === 'storage_full') {
          // The client can wait; somebody has to make room.
          onBug(thrown, ctx.state.requestId);
        }
        return;
      }
      onBug(thrown, ctx.state.requestId);
      ctx.status = 500;
      ctx.body = { detail: 'Internal error.' };
    }
  };
}
