import type { CliCommand } from '../../../cli/framework/command.ts';
import { inEachTenant } from '../../../cli/framework/each-tenant.ts';
import { databasesOf } from '../../../cli/framework/fleet.ts';
import { counted } from '../../../counted.ts';

type Options = { schema?: string; json?: true };

export const flushExpiredTokens: CliCommand<Options> = {
  name: 'flush-expired-tokens',
  summary: 'Delete expired sessions and refresh tokens. For a daily timer.',

  declare: (parser) =>
    parser
      .option('--schema <name>', 'only this tenant; default: all')
      .option('--json', 'print the number of deleted rows by schema, as JSON'),

  async run({ schema, json }, { config, ownerUrl, print, note, progress }) {
    const databases = databasesOf(await config(), await ownerUrl());
    const deleted = await inEachTenant(databases, { schema, title: 'flush', progress }, async (client) => {
      const sessions = await client.query('delete from sessions where expires_at <= now()');
      const tokens = await client.query('delete from refresh_tokens where expires_at <= now()');
      return (sessions.rowCount ?? 0) + (tokens.rowCount ?? 0);
    });
    if (json) {
      print(JSON.stringify(Object.fromEntries(deleted)));
      return;
    }
    const total = [...deleted.values()].reduce((sum, count) => sum + count, 0);
    note(`${counted(total, 'row')} deleted in ${counted(deleted.size, 'schema')}.`);
  },
};
