import type { Context } from '../../http/state.ts';
import type { AccountRequest } from './dependencies.ts';

/** Maximum stored characters of a User-Agent. */
const MAX_USER_AGENT = 255;

/** Returns what the rules need from a request. */
export const accountRequestOf = (ctx: Context): AccountRequest => ({
  tenant: ctx.state.tenant,
  guards: ctx.state.guards,
  limits: ctx.state.limits,
  use: ctx.state.use,
  // With a key, the caller is known only after the guard has run.
  get caller() {
    return ctx.state.caller;
  },
  address: ctx.ip,
  userAgent: ctx.get('User-Agent').slice(0, MAX_USER_AGENT),
});
