const STATEMENTS = [
  'close all',
  'set session authorization default',
  'reset all',
  'unlisten *',
  'discard temp',
  'discard sequences',
];

/**
 * Resets a session as DISCARD ALL does, but without DISCARD PLANS (which drops every PL/pgSQL plan:
 * 230 instead of 80 us of PostgreSQL per request) and without the release of advisory locks (only the
 * owners may execute those functions).
 *
 * `set session authorization default` instead of `reset role`, which returns to a role set by ALTER
 * ROLE … SET role.
 */
export const SESSION_RESET = [...STATEMENTS, 'deallocate all'].join('; ');

/**
 * The reset of a session with prepared statements of the driver. A statement that other code has
 * prepared remains: it runs with the rights and the path of its caller, and only the driver knows the
 * names of its own statements.
 */
export const SESSION_RESET_WITH_NAMES = STATEMENTS.join('; ');
