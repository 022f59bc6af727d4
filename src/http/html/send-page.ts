import type { Context } from '../state.ts';
import { ICON_PATH, STYLESHEET_PATH } from './assets.ts';
import { type Html, html } from './html.ts';

/** Pages load their own stylesheet and icon, send forms to their own host, and run no script. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "style-src 'self'",
  "img-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** A link in the header of a page. */
export type PageLink = Readonly<{ href: string; text: string }>;

export type Page = Readonly<{
  /** Title of the document, without the name of the site. */
  title: string;
  /** The content of `main`. It contains one `h1`. */
  main: Html;
  /** Default: 200. */
  status?: number;
  links?: readonly PageLink[];
  /** Whether search engines may list the page. Default: false. */
  isIndexed?: boolean;
}>;

const navigation = (links: readonly PageLink[]): Html | null =>
  links.length === 0
    ? null
    : html`<nav aria-label="Main"><ul>${links.map(({ href, text }) => html`<li><a href="${href}">${text}</a></li>`)}</ul></nav>`;

/** Returns a whole document. `site` names the host for people. */
export const renderDocument = ({
  title,
  main,
  links = [],
  isIndexed = false,
  site,
}: Omit<Page, 'status'> & Readonly<{ site: string }>): string =>
  html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
${!isIndexed && html`<meta name="robots" content="noindex">`}
<title>${title} · ${site}</title>
<link rel="icon" href="${ICON_PATH}" type="image/svg+xml">
<link rel="stylesheet" href="${STYLESHEET_PATH}">
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header class="top"><div class="top-inner"><a class="brand" href="/"><img src="${ICON_PATH}" alt="" width="28" height="28">${site}</a>${navigation(links)}</div></header>
<main id="main">
${main}
</main>
<footer class="bottom"><p>${site}</p></footer>
</body>
</html>
`.toString();

/** Returns the content of a page that is one box with a title. */
export const card = (title: string, content: Html): Html => html`<div class="card narrow">
<h1>${title}</h1>
${content}
</div>`;

/** Returns the hostname as the client sent it, without the port. Pages show it as the name of the site. */
const siteOf = (ctx: Pick<Context, 'host'>): string =>
  ctx.host.replace(/:\d+$/, '').slice(0, 253) || 'Service';

/**
 * Responds with a page. No cache keeps it, no other page may frame it, and the Referer of its links does not contain
 * its path: the paths of mailed links are secrets.
 */
export function sendPage(ctx: Context, { status = 200, ...page }: Page): void {
  ctx.status = status;
  ctx.type = 'text/html; charset=utf-8';
  ctx.set('Content-Security-Policy', CONTENT_SECURITY_POLICY);
  ctx.set('Referrer-Policy', 'same-origin');
  ctx.set('Cache-Control', 'no-store');
  ctx.body = renderDocument({ ...page, site: siteOf(ctx) });
}
