/**
 * Tables whose rows belong to one tenant and not to a copy of it: who is logged
 * in there, and what is still to be sent from there. A copy has these tables,
 * empty. The one place that names them.
 */
const ORIGINALS_ONLY: ReadonlySet<string> = new Set(['outbox', 'refresh_tokens', 'sessions', 'tokens']);

export const belongsToOriginal = (table: string): boolean => ORIGINALS_ONLY.has(table);
