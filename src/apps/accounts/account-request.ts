import type { Context } from '../../http/state.ts';
import type { AccountRequest } from './dependencies.ts';

/** Maximum stored characters of a User-Agent. */
const LONGEST = 255;

/**
 * Returns what the rules need from a request. [3002/] With a key, the caller is known only after
 * the guard has run. [3004/] A fixture that replaces a password ends the user's sessions, as every
 * other change of it does. [3005/] Registration must not create operators.
 */
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
