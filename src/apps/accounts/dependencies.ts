import { type Entrant, enterTenant } from '../../http/enter-tenant.ts';
import type { MiddlewareStack } from '../../http/middleware-stacks.ts';
import type { Throttle } from '../../http/rate-limit/throttle.ts';
import type { SettingsOf } from '../../tenancy/context/settings-of.ts';
import type { TenantDatabase, TenantTransaction } from '../../tenancy/context/with-tenant.ts';
import type { AppSecrets } from '../../tenancy/registry/signing-key.ts';
import type { Tenant } from '../../tenancy/registry/tenant.ts';
import type { Passwords } from './passwords/password.ts';
import type { AccountSettings } from './settings.ts';

/** What the rules of accounts are made of. */
export type AccountDependencies = Readonly<{
  tenantDatabase: TenantDatabase;
  secrets: AppSecrets;
  settingsOf: SettingsOf<AccountSettings>;
  passwords: Passwords;
  throttle: Throttle;
  /** Returns the public site's own tenant. */
  findSite: () => Promise<Pick<Tenant, 'id' | 'isSite'> | null>;
  /** Something may have been put into an outbox. */
  wakeMail: () => void;
}>;

/** Who asks, and where: what a rule may know of the request. */
export type AccountRequest = Entrant & Readonly<{ tenant: Tenant; address: string; userAgent: string }>;

/** A short transaction of a rule that has something slow to do beside it. Open to who has to pay. */
export const read = <T>(
  { tenantDatabase }: Pick<AccountDependencies, 'tenantDatabase'>,
  asked: Entrant,
  work: (tx: TenantTransaction) => Promise<T>,
): Promise<T> => enterTenant(tenantDatabase, asked, { readOnly: true, whileUnpaid: true }, work);

export const write = <T>(
  { tenantDatabase }: Pick<AccountDependencies, 'tenantDatabase'>,
  asked: Entrant,
  work: (tx: TenantTransaction) => Promise<T>,
): Promise<T> => enterTenant(tenantDatabase, asked, { readOnly: false, whileUnpaid: true }, work);

export type { MiddlewareStack };
