import { parseSchemaOrSite } from '../tenancy/tenant.ts';
import type { CliCommand } from './command.ts';
import { migrateFleet } from './fleet.ts';

type Options = { shared?: true; tenant?: true; schema?: string; json?: true };

export const migrateCommand: CliCommand<Options> = {
  name: 'migrate',
  summary: 'Bring the shared schema and every tenant up to the code.',

  declare: (parser) =>
    parser
      .option('--shared', 'only what the tenants share: roles, registry, keys, hardening')
      .option('--tenant', 'only the tenants')
      .option('--schema <name>', 'only this tenant')
      .option('--json', 'print what was done as JSON'),

  async run({ shared, tenant, schema, json }, { config, ownerUrl, print, note }) {
    const only = shared !== tenant;
    const report = await migrateFleet(await config(), await ownerUrl(), {
      shared: schema === undefined && (!only || shared === true),
      tenants: !only || tenant === true || schema !== undefined,
      schema: schema === undefined ? null : parseSchemaOrSite(schema),
    });
    if (json) {
      print(JSON.stringify(report));
      return;
    }
    for (const name of report.shared) {
      print(`shared   ${name}`);
    }
    for (const { schema: migrated, applied } of report.tenants) {
      print(`${migrated}   ${applied.join(', ') || 'up to date'}`);
    }
    note(
      !report.installed && report.tenants.length === 0
        ? `Nothing to migrate (context: ${report.carrier}).`
        : `Migrated (context: ${report.carrier}).`,
    );
  },
};
