import { OperatorError } from '../../../errors.ts';
import { deleteTenant, purgeDeleted } from '../../../tenancy/lifecycle/delete-tenant.ts';
import { parseSchemaName } from '../../../tenancy/registry/tenant.ts';
import type { CliCommand, CliDeps } from '../../framework/command.ts';
import { databasesOf } from '../../framework/fleet.ts';
import { integerOption } from '../../framework/integer-option.ts';
import { tenantRecord } from '../../framework/tenant-record.ts';

type Options = {
  schema: string;
  keepDays: number;
  blockSeconds: number;
  purge?: true;
  yes?: true;
  json?: true;
};

/**
 * Requires the user to type the schema's name before an irreversible change.
 *
 * @throws OperatorError `usage_invalid` when the input differs
 */
async function confirmSchema({ ask }: Pick<CliDeps, 'ask'>, schema: string, what: string): Promise<void> {
  const typed = await ask(`${what} Type the schema name to continue: `);
  if (typed.trim() !== schema) {
    throw new OperatorError(
      'usage_invalid',
      `Not confirmed. Nothing was changed. Type "${schema}", or use --yes.`,
    );
  }
}

export const deleteTenantCommand: CliCommand<Options> = {
  name: 'delete-tenant',
  summary: 'Delete a tenant. Its hosts stop immediately, its data is retained for some days, or purged.',
  audited: false,

  declare: (parser) =>
    parser
      .requiredOption('--schema <name>', 'the tenant')
      .option('--keep-days <n>', 'days until purge-tenants may drop it', integerOption(0, 3650), 30)
      .option('--purge', 'drop all of its data permanently, now')
      .option('--block-seconds <n>', 'seconds to wait for requests in progress', integerOption(1, 600), 10)
      .option('--yes', 'skip the confirmation prompt')
      .option('--json', 'print the tenant, or the purged data, as JSON'),

  async run({ schema: text, keepDays, blockSeconds, purge, yes, json }, deps) {
    const { config, ownerUrl, print, note, progress } = deps;
    const schema = parseSchemaName(text);
    const databases = databasesOf(await config(), await ownerUrl());
    if (!yes) {
      await confirmSchema(
        deps,
        schema,
        purge ? `This drops "${schema}" permanently.` : `This deletes "${schema}".`,
      );
    }
    const { tenant, changed, drained } = await deleteTenant(databases, deps.project, schema, {
      keepDays,
      blockSeconds,
    });
    if (!drained) {
      note(`Requests of "${schema}" are still running after ${blockSeconds} s. They will end on their own.`);
    }
    if (purge) {
      await purgeDeleted(databases, schema, progress);
      print(json ? JSON.stringify({ schema_name: schema, purged: true }) : `Tenant ${schema} purged.`);
      return;
    }
    const until = tenant.purgeAfter?.toISOString().slice(0, 10);
    print(
      json
        ? JSON.stringify(tenantRecord(tenant))
        : `Tenant ${schema} ${changed ? 'deleted' : 'was already deleted'}${until ? `, retained until ${until}` : ''}. To restore it, run \`undelete-tenant --schema ${schema}\`.`,
    );
  },
};
