import type { Context } from '../../http/state.ts';
import type { AccountRequest } from './dependencies.ts';

/** Characters of a User-Agent that are kept. */
const LONGEST = 255;

/** What the rules may know of a request. */
export const accountRequestOf = (ctx: Context): AccountRequest => ({
  tenant: ctx.state.tenant,
  guards: ctx.state.guards,
  limits: ctx.state.limits,
  use: ctx.state.use,
  // Of a key it is known only when the guard has answered.
  get caller() {
    return ctx.state.caller;
  },
  address: ctx.ip,
  userAgent: ctx.get('User-Agent').slice(0, LONGEST),
});
