/**
 * Resets a session as DISCARD ALL does, but without DISCARD PLANS (which drops every PL/pgSQL plan:
 * 230 instead of 80 us of PostgreSQL per request) and without the release of advisory locks (only the
 * owners may execute those functions).
 *
 * `set session authorization default` instead of `reset role`, which returns to a role set by ALTER
 * ROLE … SET role.
 */
export const SESSION_RESET = [
  'close all',
  'set session authorization default',
  'reset all',
  'deallocate all',
  'unlisten *',
  'discard temp',
  'discard sequences',
].join('; ');
