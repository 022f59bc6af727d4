import { DomainError } from '../errors.ts';
import { moveTenant } from '../tenancy/data/move-tenant.ts';
import { parseSchemaName } from '../tenancy/tenant.ts';
import type { CliCommand } from './command.ts';
import { databasesOf } from './fleet.ts';
import { countRows, withTableProgress } from './table-progress.ts';

type Options = { schema: string; to: string; blockSeconds: string; keepDays: string; json?: true };

function parseNumber(option: string, text: string, from: number, to: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < from || value > to) {
    throw new DomainError('usage_invalid', `--${option} is a whole number from ${from} to ${to}.`);
  }
  return value;
}

export const moveTenantCommand: CliCommand<Options> = {
  name: 'move-tenant',
  summary: 'Move a tenant to another database, while it is served.',

  declare: (parser) =>
    parser
      .requiredOption('--schema <name>', 'the tenant')
      .requiredOption('--to <database>', 'main, or a name of DATABASES')
      .option('--block-seconds <n>', 'how long requests may wait for the switch, 1 to 30', '5')
      .option('--keep-days <n>', 'how long to keep the schema where it was; 0: not at all', '7')
      .option('--json', 'print what was moved as JSON'),

  async run({ schema, to, blockSeconds, keepDays, json }, { config, ownerUrl, print, note, progress }) {
    const name = parseSchemaName(schema);
    const limits = {
      blockSeconds: parseNumber('block-seconds', blockSeconds, 1, 30),
      keepDays: parseNumber('keep-days', keepDays, 0, 3650),
    };
    const databases = databasesOf(await config(), await ownerUrl());
    const moved = await withTableProgress(progress, `Moving ${name} to ${to}`, (hooks) =>
      moveTenant(databases, name, { to, ...limits, ...hooks }),
    );
    print(
      json
        ? JSON.stringify({ schema: name, ...moved })
        : `Tenant ${name} moved from ${moved.from} to ${moved.to}.`,
    );
    note(`${countRows(moved.tables)}; requests waited for ${moved.blocked} ms.`);
    if (limits.keepDays > 0) {
      note(`${moved.from} keeps what it had for ${limits.keepDays} days; then \`drop-kept\` drops it.`);
    }
  },
};
