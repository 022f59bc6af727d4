/**
 * Tables whose rows belong to one tenant and not to a copy of it: who is logged
 * in there, what is still to be sent from there, and what operators did there. A copy has these tables,
 * empty. The one place that names them.
 */
const ORIGINALS_ONLY: ReadonlySet<string> = new Set(['audit_events', 'outbox', 'refresh_tokens', 'sessions']);

export const belongsToOriginal = (table: string): boolean => ORIGINALS_ONLY.has(table);
