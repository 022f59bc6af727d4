/**
 * What DISCARD ALL does, without DISCARD PLANS (which throws away every PL/pgSQL
 * plan: 230 against 80 us of PostgreSQL a request) and without the advisory
 * locks (whose functions nobody but the owners may call).
 *
 * `set session authorization default` and not `reset role`: the latter goes back
 * to a role that ALTER ROLE … SET role may have named.
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
