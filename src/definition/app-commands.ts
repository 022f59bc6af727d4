import type pg from 'pg';

import type { CliCommand, CliDeps } from '../cli/framework/command.ts';
import type { SchemaName } from '../tenancy/registry/tenant.ts';

/** An extension of `create-tenant`: options, and rows that the tenant has from its creation. */
export type CreateTenantExtension = Readonly<{
  declare: CliCommand<never>['declare'];
  /**
   * Called with all options before anything is created. Returns a function that adds the rows
   * inside the new tenant, or null. `printed` is added to the command's JSON output, `sentence` to
   * its text output.
   */
  prepare: (
    options: Readonly<Record<string, unknown>>,
    schema: SchemaName,
    dependencies: CliDeps,
  ) => Promise<
    Readonly<{
      add: ((client: pg.ClientBase) => Promise<void>) | null;
      printed: Readonly<Record<string, unknown>>;
      sentence: string;
    }>
  >;
}>;

/** Commands of an app for the `tenants` command line. */
export type AppCommands = Readonly<{
  commands: readonly CliCommand<never>[];
  createTenant?: CreateTenantExtension;
}>;

/** Results for `tenants doctor`: reachable services, and advice. */
export type AppDiagnosis = Readonly<{
  probes: ReadonlyArray<Readonly<{ what: string; find: () => Promise<string> }>>;
  advice: readonly string[];
}>;
