import type { MenuLink } from '../../definition/dependencies.ts';
import { type EntryRequest, enterTenant } from '../../http/enter-tenant.ts';
import type { MiddlewareStack } from '../../http/middleware-stacks.ts';
import type { Throttle } from '../../http/rate-limit/throttle.ts';
import type { SettingsOf } from '../../tenancy/context/settings-of.ts';
import type { TenantDatabase, TenantTransaction } from '../../tenancy/context/with-tenant.ts';
import type { AppSecrets } from '../../tenancy/registry/signing-key.ts';
import type { ResolvedTenant } from '../../tenancy/registry/tenant.ts';
import type { Passwords } from './passwords/password.ts';
import type { AccountSettings } from './settings.ts';

/** The dependencies of the rules of accounts. */
export type AccountDependencies = Readonly<{
  tenantDatabase: TenantDatabase;
  secrets: AppSecrets;
  settingsOf: SettingsOf<AccountSettings>;
  passwords: Passwords;
  throttle: Throttle;
  /** The permissions that the apps of the project declare. */
  permissions: Readonly<Record<string, string>>;
  /** Links to the pages of all apps, for users who are logged in. */
  menu: readonly MenuLink[];
  /** Returns the public site's own tenant. */
  findSite: () => Promise<Pick<ResolvedTenant, 'id' | 'isSite'> | null>;
  /** Called when a mail may have been added to an outbox. */
  wakeMail: () => void;
}>;

/** The caller, the tenant and the client of a request. */
export type AccountRequest = EntryRequest &
  Readonly<{ tenant: ResolvedTenant; address: string; userAgent: string }>;

/** Runs a short transaction before or after slow work. Also serves tenants with an overdue payment. */
export const read = <T>(
  { tenantDatabase }: Pick<AccountDependencies, 'tenantDatabase'>,
  request: EntryRequest,
  work: (tx: TenantTransaction) => Promise<T>,
): Promise<T> => enterTenant(tenantDatabase, request, { readOnly: true, whileUnpaid: true }, work);

export const write = <T>(
  { tenantDatabase }: Pick<AccountDependencies, 'tenantDatabase'>,
  request: EntryRequest,
  work: (tx: TenantTransaction) => Promise<T>,
): Promise<T> => enterTenant(tenantDatabase, request, { readOnly: false, whileUnpaid: true }, work);

export type { MiddlewareStack };
