import { OperatorError } from '../../../errors.ts';
import { endMaintenance } from '../../../tenancy/registry/change-status.ts';
import { chooseDatabase, MAIN } from '../../../tenancy/registry/databases.ts';
import { startMaintenance } from '../../../tenancy/registry/start-maintenance.ts';
import { parseSchemaOrSite } from '../../../tenancy/registry/tenant.ts';
import type { CliCommand } from '../../framework/command.ts';
import { databasesOf } from '../../framework/fleet.ts';
import { integerOption } from '../../framework/integer-option.ts';
import { tenantRecord } from '../../framework/tenant-record.ts';

type Options = { schema: string; retryAfter: number; blockSeconds: number; json?: true };

export const maintenance: CliCommand<Options> = {
  name: 'maintenance',
  summary: 'Put a tenant into maintenance (503 with Retry-After), or end it.',
  audited: false,

  declare: (parser) =>
    parser
      .argument('<on|off>')
      .requiredOption('--schema <name>', 'the tenant; site: the public site')
      .option(
        '--retry-after <seconds>',
        'value of the Retry-After header, in seconds',
        integerOption(1, 86_400),
        60,
      )
      .option('--block-seconds <n>', 'seconds to wait for requests in progress', integerOption(1, 600), 10)
      .option('--json', 'print the tenant as JSON'),

  async run({ schema: text, retryAfter, blockSeconds, json }, { config, ownerUrl, print, note }, [mode]) {
    if (mode !== 'on' && mode !== 'off') {
      throw new OperatorError('usage_invalid', `Maintenance must be on or off, not "${mode}".`);
    }
    const schema = parseSchemaOrSite(text);
    const databases = databasesOf(await config(), await ownerUrl());
    const { tenant, changed, drained } =
      mode === 'on'
        ? await startMaintenance(databases, schema, { retryAfter, blockSeconds })
        : { ...(await endMaintenance(chooseDatabase(databases, MAIN).owner, schema)), drained: true };
    if (!drained) {
      note(`Requests of "${schema}" are still running after ${blockSeconds} s. They will end on their own.`);
    }
    print(
      json
        ? JSON.stringify(tenantRecord(tenant))
        : mode === 'on'
          ? `Tenant ${schema} is in maintenance. Its hosts return 503 with Retry-After: ${tenant.retryAfter}.`
          : `Tenant ${schema} ${changed ? 'is no longer in maintenance' : 'was not in maintenance'}; it is ${tenant.status}.`,
    );
  },
};
