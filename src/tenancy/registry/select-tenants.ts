import { matchesGlob } from 'node:path';

import type { RegistryRow } from './registry.ts';

/** Globs match schema names: `acme`, `acme_*`, `{acme,globex}`. */
export type Selection = Readonly<{
  type?: string | undefined;
  status?: string | undefined;
  only?: string | undefined;
  exclude?: string | undefined;
}>;

/** Returns those of `tenants` that meet every condition, in their order. */
export const selectTenants = (
  tenants: readonly RegistryRow[],
  { type, status, only, exclude }: Selection,
): readonly RegistryRow[] =>
  tenants.filter(
    (tenant) =>
      (type === undefined || tenant.type === type) &&
      (status === undefined || tenant.status === status) &&
      (only === undefined || matchesGlob(tenant.schema_name, only)) &&
      (exclude === undefined || !matchesGlob(tenant.schema_name, exclude)),
  );
