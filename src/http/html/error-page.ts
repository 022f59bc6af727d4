import { STATUS_CODES } from 'node:http';

import type { Context } from '../state.ts';
import { html } from './html.ts';
import { sendPage } from './send-page.ts';

type Text = Readonly<{ title: string; advice: string }>;

const TEXTS: Readonly<Record<number, Text>> = {
  400: { title: 'Bad request', advice: 'Go back and check what was sent.' },
  401: { title: 'Login required', advice: 'Log in, then open this address again.' },
  402: { title: 'Payment required', advice: 'The owner of this workspace can restore it.' },
  403: {
    title: 'Not allowed',
    advice: 'Your account lacks the permission for this, or the form has expired.',
  },
  404: { title: 'Page not found', advice: 'Check the address, or go to the start page.' },
  405: { title: 'Method not allowed', advice: 'Go back and open the page again.' },
  409: { title: 'Conflict', advice: 'It was changed in the meantime. Go back and open the page again.' },
  413: { title: 'Too large', advice: 'Send less.' },
  429: { title: 'Too many requests', advice: 'Wait, then try again.' },
  500: { title: 'Something went wrong', advice: 'The error was recorded. Try again later.' },
  503: { title: 'Temporarily unavailable', advice: 'Try again shortly.' },
};

const UNKNOWN_HOST: Text = {
  title: 'Workspace not found',
  advice: 'No workspace has this address. Check the part before the first dot.',
};

/** Responds to a browser with a page for an error. `detail` is the sentence that API clients receive. */
export function sendErrorPage(
  ctx: Context,
  { status, detail, retryAfter }: { status: number; detail: string | null; retryAfter: number | null },
): void {
  const isUnknownHost = ctx.state.code === 'tenant_not_found';
  const { title, advice } = isUnknownHost
    ? UNKNOWN_HOST
    : (TEXTS[status] ?? { title: STATUS_CODES[status] ?? 'Error', advice: '' });
  sendPage(ctx, {
    status,
    title,
    main: html`<div class="card narrow">
<p class="status">Error ${status}</p>
<h1>${title}</h1>
${detail !== null && detail !== 'Not found.' && !isUnknownHost && html`<p>${detail}</p>`}
<p class="quiet">${advice}${retryAfter !== null && html` Available again in about ${retryAfter} ${retryAfter === 1 ? 'second' : 'seconds'}.`}</p>
${status >= 500 && html`<p class="quiet">Request ID: <code>${ctx.state.requestId}</code></p>`}
${!isUnknownHost && html`<p class="actions"><a class="button second" href="/">Go to the start page</a></p>`}
</div>`,
  });
}
