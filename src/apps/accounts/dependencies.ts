import { type Entrant, enterTenant } from '../../http/enter-tenant.ts';
import type { Throttle } from '../../http/rate-limit/throttle.ts';
import type { AppMiddleware } from '../../http/state.ts';
import type { SettingsOf } from '../../tenancy/context/settings-of.ts';
import type { Gate, TenantTransaction } from '../../tenancy/context/with-tenant.ts';
import type { AppSecrets } from '../../tenancy/registry/signing-key.ts';
import type { Tenant } from '../../tenancy/registry/tenant.ts';
import type { Passwords } from './passwords/password.ts';

/** What the rules of accounts are made of. */
export type AccountTools = Readonly<{
  gate: Gate;
  secrets: AppSecrets;
  settingsOf: SettingsOf;
  passwords: Passwords;
  throttle: Throttle;
  /** Returns the public site's own tenant. */
  findSite: () => Promise<Pick<Tenant, 'id' | 'isSite'> | null>;
  /** Something may have been put into an outbox. */
  wakeMail: () => void;
}>;

/** Who asks, and where: what a rule may know of the request. */
export type Asked = Entrant & Readonly<{ tenant: Tenant; address: string; userAgent: string }>;

/** A short transaction of a rule that has something slow to do beside it. Open to who has to pay. */
export const read = <T>(
  { gate }: Pick<AccountTools, 'gate'>,
  asked: Entrant,
  work: (tx: TenantTransaction) => Promise<T>,
): Promise<T> => enterTenant(gate, asked, { readOnly: true, whileUnpaid: true }, work);

export const write = <T>(
  { gate }: Pick<AccountTools, 'gate'>,
  asked: Entrant,
  work: (tx: TenantTransaction) => Promise<T>,
): Promise<T> => enterTenant(gate, asked, { readOnly: false, whileUnpaid: true }, work);

/** Middleware before a route, as app.ts puts it together. */
export type Chains = Readonly<{
  /** Nobody is asked who they are. */
  open: readonly AppMiddleware[];
  /** Everybody; but who shows credentials shows good ones. */
  openTo: readonly AppMiddleware[];
  /** Users. The guard waits for the transaction that the route opens. */
  identified: readonly AppMiddleware[];
  /** Users, and the tenant's transaction. */
  authenticated: readonly AppMiddleware[];
}>;
