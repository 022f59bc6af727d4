import type { Context } from '../state.ts';

/** Whether the client prefers HTML to JSON, as browsers do. A client without preference gets JSON. */
export const wantsHtml = (ctx: Pick<Context, 'req' | 'accepts'>): boolean =>
  (ctx.req.headers.accept ?? '').includes('text/html') && ctx.accepts('json', 'html') === 'html';
