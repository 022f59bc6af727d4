import { createHash } from 'node:crypto';

import type { AppMiddleware } from '../state.ts';
import { ICON, STYLESHEET } from './stylesheet.ts';

/** Folder of the files of pages, on every host. */
const FOLDER = '/static/';

const nameOf = (text: string, ending: string): string =>
  `${FOLDER}${createHash('sha256').update(text).digest('hex').slice(0, 16)}.${ending}`;

export const STYLESHEET_PATH = nameOf(STYLESHEET, 'css');
export const ICON_PATH = nameOf(ICON, 'svg');

const FILES: ReadonlyMap<string, Readonly<{ type: string; text: string }>> = new Map([
  [STYLESHEET_PATH, { type: 'text/css; charset=utf-8', text: STYLESHEET }],
  [ICON_PATH, { type: 'image/svg+xml', text: ICON }],
]);

/**
 * Serves the stylesheet and the icon of pages on every host, before the tenant is looked up: pages for unknown hosts
 * have them too. The names contain a digest, so clients may keep the files for a year.
 */
export function assets(): AppMiddleware {
  return function assets(ctx, next) {
    const file = FILES.get(ctx.path);
    if (!file || (ctx.method !== 'GET' && ctx.method !== 'HEAD')) {
      return next();
    }
    ctx.set('Cache-Control', 'public, max-age=31536000, immutable');
    ctx.type = file.type;
    ctx.body = file.text;
    return Promise.resolve();
  };
}
