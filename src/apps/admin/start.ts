import type { StartDependencies } from '../../definition/dependencies.ts';

/** What the routes need in addition to their dependencies. */
export type AdminService = Readonly<{
  /** Returns the settings of a tenant that overrides none. */
  defaultsOf: (tenant: Readonly<{ isSite: boolean }>) => Readonly<Record<string, unknown>>;
  close?: () => Promise<unknown>;
}>;

export const start = async ({ withDefaults }: StartDependencies): Promise<AdminService> => ({
  defaultsOf: (tenant) => withDefaults(tenant, {}) as Readonly<Record<string, unknown>>,
});
