import { AsyncLocalStorage } from 'node:async_hooks';
import pg from 'pg';

/** The person or process on whose behalf the migrating login changes something. */
export type ActingFor = Readonly<{
  actor: string;
  source: 'cli' | 'api' | 'worker';
  /** Address from which it was requested. Null: not known. */
  address: string | null;
  /** Id of the operation of the API. Null: none. */
  operation: string | null;
}>;

const acting = new AsyncLocalStorage<ActingFor>();

/** Runs `work`. Transactions of the migrating login that it opens name this actor in the audit. */
export const actFor = <T>(actor: ActingFor, work: () => Promise<T>): Promise<T> => acting.run(actor, work);

/** Returns SQL that begins a transaction of the migrating login with the current actor. */
export function beginSql(): string {
  const actor = acting.getStore();
  return actor ? `begin; set local koa_tenants.actor = ${pg.escapeLiteral(JSON.stringify(actor))}` : 'begin';
}
