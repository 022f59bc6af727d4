import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { ParameterizedContext } from 'koa';
import helmet from 'koa-helmet';

import type { AppMiddleware } from '../state.ts';

/** Returns the headers that helmet sets. With constant options they are the same for every response. */
function readHelmetHeaders(): ReadonlyArray<readonly [string, string]> {
  const req = new IncomingMessage(new Socket());
  const res = new ServerResponse(req);
  // Strict-Transport-Security has settings of its own.
  const middleware = helmet({ hsts: false });
  void middleware({ req, res } as ParameterizedContext, async () => {});
  return Object.entries(res.getHeaders()).map(([name, value]) => [name, String(value)]);
}

/** Sets the security headers of helmet, which are computed once. */
export function securityHeaders(): AppMiddleware {
  const headers = readHelmetHeaders();
  return function securityHeaders(ctx, next) {
    for (const [name, value] of headers) {
      ctx.res.setHeader(name, value);
    }
    return next();
  };
}
