import { type ConsoleEncoding, createConsoleFiles } from '../console/console-files.ts';
import type { AppMiddleware } from '../state.ts';

/**
 * Allows files of this host only, and no inline script or style. Only Vue's own policy, which creates the elements of
 * templates, may create HTML from text.
 */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  'trusted-types vue',
].join('; ');

const FOLDER = '/console/';
const PAGE = 'index.html';

/** Extensions of files. Parameters of pages may contain dots, such as the model of `/console/models/notes.note`. */
const FILE = /\.(?:br|css|gz|html|ico|js|json|map|png|svg|txt|woff2?)$/i;

/** Whether a path below `/console/` is a page of the console, and not a file. */
const isPage = (name: string): boolean => !name.startsWith('assets/') && !FILE.test(name);

/**
 * Serves the console at `/console/`. Paths of its pages get the same document, which shows the page of the URL. The
 * files need no credentials: they contain no data.
 */
export function consolePages(): AppMiddleware {
  const findFile = createConsoleFiles();
  return async function consolePages(ctx, next) {
    const isRead = ctx.method === 'GET' || ctx.method === 'HEAD';
    if (!isRead || !(ctx.path === '/console' || ctx.path.startsWith(FOLDER))) {
      return next();
    }
    const name = ctx.path.slice(FOLDER.length);
    const file = await findFile(isPage(name) ? PAGE : name);
    if (!file) {
      return next();
    }
    ctx.state.route = FOLDER;
    if (ctx.path === '/console') {
      ctx.redirect(FOLDER);
      return;
    }
    ctx.set('Content-Security-Policy', CONTENT_SECURITY_POLICY);
    ctx.set('Cache-Control', file.isHashed ? 'public, max-age=31536000, immutable' : 'no-cache');
    ctx.set('ETag', file.etag);
    ctx.vary('Accept-Encoding');
    ctx.status = 200;
    if (ctx.fresh) {
      ctx.status = 304;
      return;
    }
    const encoding = (ctx.acceptsEncodings('br', 'gzip', 'identity') || 'identity') as ConsoleEncoding;
    ctx.type = file.type;
    if (encoding !== 'identity') {
      ctx.set('Content-Encoding', encoding);
    }
    ctx.body = file.bodies[encoding];
  };
}
