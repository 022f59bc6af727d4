import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

import { ApiError } from '../../errors.ts';
import { type AppSecrets, tenantKeys } from '../../tenancy/registry/signing-key.ts';
import { FormBody } from '../body/form-body.ts';
import type { Context } from '../state.ts';
import { type Html, html } from './html.ts';

const FIELD = 'csrf_token';
const BROWSER = /^[\w-]{22}$/;

// Browsers accept a name that begins with __Host- from this host only. It requires HTTPS.
const cookieOf = (ctx: Pick<Context, 'secure'>): string => (ctx.secure ? '__Host-form' : 'form');

/** Protects the forms of pages against requests from other sites. */
export type FormTokens = Readonly<{
  /** Returns the hidden field of a form, and sets its cookie. */
  field: (ctx: Context) => Html;
  /**
   * Checks that a form of this host sent the request.
   *
   * @throws ApiError `permission_denied` or `unsupported_media_type`
   */
  check: (ctx: Context) => void;
}>;

/** Whether the browser reports that another site sent the request. Older browsers report nothing. */
function isFromElsewhere(ctx: Context): boolean {
  const site = ctx.get('Sec-Fetch-Site');
  const origin = ctx.get('Origin');
  if (site !== '' && site !== 'same-origin') {
    return true;
  }
  // The scheme is not compared: behind a proxy it may be unknown.
  return origin !== '' && (URL.parse(origin)?.host ?? '') !== ctx.host.toLowerCase();
}

const failed = (reason: string): ApiError => new ApiError('permission_denied', `CSRF Failed: ${reason}`);

/**
 * Creates form tokens: a random cookie that only this host can read, and its signature with the tenant's key in the
 * form. A page of another host, also of another tenant's subdomain, knows neither.
 */
export function createFormTokens(secrets: AppSecrets): FormTokens {
  const tokensOf = (ctx: Context, browser: string): string[] =>
    tenantKeys(secrets, ctx.state.tenant, 'csrf').map((key) =>
      createHmac('sha256', key).update(`form ${browser}`).digest('base64url'),
    );

  const browserOf = (ctx: Context): string => {
    const sent = ctx.cookies.get(cookieOf(ctx)) ?? '';
    const browser = ctx.state.browser ?? (BROWSER.test(sent) ? sent : randomBytes(16).toString('base64url'));
    ctx.state.browser = browser;
    if (browser !== sent) {
      ctx.cookies.set(cookieOf(ctx), browser, {
        sameSite: 'lax',
        secure: ctx.secure,
        path: '/',
        httpOnly: true,
        overwrite: true,
      });
    }
    return browser;
  };

  return {
    field: (ctx) => html`<input type="hidden" name="${FIELD}" value="${tokensOf(ctx, browserOf(ctx))[0]}">`,
    check: (ctx) => {
      const body = ctx.state.body();
      if (!(body instanceof FormBody)) {
        throw new ApiError('unsupported_media_type', 'This page accepts only its form.');
      }
      if (isFromElsewhere(ctx)) {
        throw failed('the form was sent by another site.');
      }
      const browser = ctx.cookies.get(cookieOf(ctx)) ?? '';
      const given = Buffer.from(String(body.fields.get(FIELD) ?? ''));
      const isRight =
        BROWSER.test(browser) &&
        tokensOf(ctx, browser).some((token) => {
          const right = Buffer.from(token);
          return right.length === given.length && timingSafeEqual(right, given);
        });
      if (!isRight) {
        throw failed('CSRF token missing or incorrect. Open the page again.');
      }
    },
  };
}
