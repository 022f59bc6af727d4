import { docsFile } from '../openapi/docs-files.ts';
import type { AppMiddleware } from '../state.ts';

/** Only files of this host, and no inline script or style. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const FOLDER = '/api/docs';

/** Serves the page that shows the OpenAPI document of the host, `/api/docs/`, and its files. */
export function apiDocs(): AppMiddleware {
  return async function apiDocs(ctx, next) {
    const isRead = ctx.method === 'GET' || ctx.method === 'HEAD';
    const file = isRead && ctx.path.startsWith(FOLDER) ? await docsFile(ctx.path) : null;
    if (!file) {
      return next();
    }
    ctx.state.route = `${FOLDER}/`;
    ctx.set('Content-Security-Policy', CONTENT_SECURITY_POLICY);
    ctx.set('Cache-Control', 'no-cache');
    ctx.set('ETag', file.etag);
    ctx.vary('Accept-Encoding');
    ctx.status = 200;
    if (ctx.fresh) {
      ctx.status = 304;
      return;
    }
    ctx.type = file.type;
    if (ctx.acceptsEncodings('gzip', 'identity') === 'gzip') {
      ctx.set('Content-Encoding', 'gzip');
      ctx.body = file.compressed;
    } else {
      ctx.body = file.bytes;
    }
  };
}
