import { matchesGlob } from 'node:path';

import type { Tenant } from './tenant.ts';

/** Globs match schema names: `acme`, `acme_*`, `{acme,globex}`. */
export type Selection = Readonly<{
  type?: string | undefined;
  status?: string | undefined;
  only?: string | undefined;
  exclude?: string | undefined;
}>;

/** Returns those of `tenants` that meet every condition, in their order. */
export const selectTenants = (
  tenants: readonly Tenant[],
  { type, status, only, exclude }: Selection,
): readonly Tenant[] =>
  tenants.filter(
    (tenant) =>
      (type === undefined || tenant.type === type) &&
      (status === undefined || tenant.status === status) &&
      (only === undefined || matchesGlob(tenant.schema, only)) &&
      (exclude === undefined || !matchesGlob(tenant.schema, exclude)),
  );
