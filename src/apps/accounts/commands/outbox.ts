import type pg from 'pg';
import type { CliCommand } from '../../../cli/framework/command.ts';
import { inEachTenant } from '../../../cli/framework/each-tenant.ts';
import { databasesOf } from '../../../cli/framework/fleet.ts';
import { counted } from '../../../counted.ts';

type Options = { schema?: string; retry?: true; json?: true };
type OutboxMail = Readonly<{
  id: string;
  kind: string;
  attempts: number;
  created_at: Date;
  dead: boolean;
  last_error: string | null;
}>;

async function readOutbox(client: pg.Client, retry: boolean): Promise<readonly OutboxMail[]> {
  if (retry) {
    await client.query(`
      update outbox
      set dead_at = null, attempts = 0, due_at = now()
      where dead_at is not null
    `);
    await client.query(
      `select tenancy.mark_due('mail'), tenancy.mark_due('mail_failed') from outbox limit 1`,
    );
  }
  const { rows } = await client.query<OutboxMail>(`
    select o.id, o.kind, o.attempts, o.created_at, o.dead_at is not null as dead, o.last_error
    from outbox as o
    order by o.id
  `);
  return rows;
}

export const outbox: CliCommand<Options> = {
  name: 'outbox',
  summary: 'List pending and failed mail. Always exits 0.',
  audited: false,

  declare: (parser) =>
    parser
      .option('--schema <name>', 'only this tenant; default: all')
      .option('--retry', 'retry failed mails')
      .option('--json', 'print the mails by schema, as JSON'),

  async run({ schema, retry, json }, { config, ownerUrl, print, note, progress, red }) {
    const databases = databasesOf(await config(), await ownerUrl());
    const mails = await inEachTenant(databases, { schema, title: 'outbox', progress }, (client) =>
      readOutbox(client, retry === true),
    );
    if (json) {
      print(JSON.stringify(Object.fromEntries(mails)));
      return;
    }
    let failed = 0;
    let pending = 0;
    for (const [name, found] of mails) {
      for (const mail of found) {
        failed += mail.dead ? 1 : 0;
        pending += mail.dead ? 0 : 1;
        const state = mail.dead ? red('failed') : 'pending';
        print(
          `${name}  ${mail.kind}  ${state}  since ${mail.created_at.toISOString()}  ${counted(mail.attempts, 'attempt')}  ${mail.last_error ?? ''}`.trimEnd(),
        );
      }
    }
    note(`${pending} pending, ${failed} failed.`);
  },
};
