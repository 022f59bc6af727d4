import test, { type ExecutionContext } from 'ava';
import { sql } from 'slonik';
import { z } from 'zod';

import { type TenantDatabase, withTenant } from '../../src/tenancy/context/with-tenant.ts';
import type { Member, World } from '../helpers/world.ts';
import { plant, raw } from './attack.ts';
import { openAttackedWorld } from './attacked-world.ts';
import { openTappedPool } from './tapped-pool.ts';

const own = z.object({
  tenant: z.string(),
  role: z.string(),
  path: z.string(),
  names: z.array(z.string()),
});

const CURRENT_CONTEXT = sql.type(own)`
  select tenancy.current_tenant() as tenant,
         current_user::text as role,
         current_setting('search_path') as path,
         (select array_agg(p.name) from attack_notes as p) as names
`;

type Seen = z.infer<typeof own>;
type Transaction = (member: Member, turn: number) => Promise<void>;

/** Returns six kinds of transactions. The failing ones must not affect the connection's next user. */
function transactions(
  t: ExecutionContext,
  tenantDatabase: TenantDatabase,
  record: (member: Member, seen: Seen) => void,
): readonly Transaction[] {
  return [
    async (member) => {
      const entering = { tenant: member.id, readOnly: true };
      record(member, await withTenant(tenantDatabase, entering, (tx) => tx.one(CURRENT_CONTEXT)));
    },
    async (member, turn) => {
      await withTenant(tenantDatabase, { tenant: member.id, readOnly: false }, async (tx) => {
        await tx.query(sql.unsafe`insert into attack_notes (name) values (${`of ${member.schema} ${turn}`})`);
        record(member, await tx.one(CURRENT_CONTEXT));
      });
    },
    async (member) => {
      const failed = withTenant(tenantDatabase, { tenant: member.id, readOnly: false }, async (tx) => {
        record(member, await tx.one(CURRENT_CONTEXT));
        await tx.query(sql.unsafe`insert into attack_notes (name) values ('rolled back')`);
        throw new Error('on purpose');
      });
      await t.throwsAsync(failed, { message: 'on purpose' });
    },
    async (member) => {
      const failed = withTenant(tenantDatabase, { tenant: member.id, readOnly: false }, async (tx) => {
        await tx.query(sql.unsafe`insert into attack_notes (name) values ('rolled back')`);
        await tx.query(sql.unsafe`select 1 / 0`);
      });
      await t.throwsAsync(failed, { message: /division by zero/ });
    },
    async (member) => {
      await withTenant(tenantDatabase, { tenant: member.id, readOnly: false }, async (tx) => {
        await t.throwsAsync(tx.transaction((inner) => inner.query(sql.unsafe`select * from nowhere`)));
        record(member, await tx.one(CURRENT_CONTEXT));
      });
    },
    async (member) => {
      await t.throwsAsync(
        withTenant(tenantDatabase, { tenant: member.id, readOnly: false }, (tx) =>
          tx.query(raw('set local role none')),
        ),
        { code: 'statement_refused' } as never,
      );
    },
  ];
}

for (const contextMode of ['guarded', 'signed'] as const) {
  let world: World;
  test.serial.before(async () => {
    world = await openAttackedWorld({ contextMode });
    await plant(world);
  });
  test.after.always(() => world?.close());

  test.serial(
    `${contextMode}: 200 concurrent transactions through 4 connections each read the rows of their own tenant`,
    async (t) => {
      const members = [
        world.acme,
        world.globex,
        await world.provision('initech'),
        await world.provision('umbrella'),
      ];
      for (const { schema } of members) {
        await world.asOwner(`truncate ${schema}.attack_notes restart identity`);
        await world.asOwner(`insert into ${schema}.attack_notes (name) values ('of ${schema}')`);
      }
      const { pool, clients } = await openTappedPool(world, { maxPoolSize: 4 });
      const tenantDatabase = { ...world.tenantDatabase, poolOf: () => pool };
      const answers: Array<{ member: Member; seen: Seen }> = [];

      const kinds = transactions(t, tenantDatabase, (member, seen) => answers.push({ member, seen }));
      await Promise.all(
        Array.from({ length: 200 }, (_, turn) => {
          const member = members[turn % members.length];
          const transaction = kinds[Math.floor(turn / members.length) % kinds.length];
          return member && transaction?.(member, turn);
        }),
      );

      t.true(answers.length > 130);
      for (const { member, seen } of answers) {
        t.is(seen.tenant, member.role);
        t.is(seen.role, member.role);
        t.is(seen.path, `${member.schema}, extensions, pg_temp`);
        t.true(
          seen.names.every((name) => name.startsWith(`of ${member.schema}`)),
          seen.names.join(),
        );
      }
      for (const { schema } of members) {
        const rows = await world.asOwner(
          `select name from ${schema}.attack_notes where name not like 'of ${schema}%'`,
        );
        t.deepEqual(rows, []);
      }
      t.true(clients.length >= 4);
    },
  );

  // Last in its world: it grants acme the rows of globex.
  test.serial(
    `${contextMode}: the check of concurrent transactions detects a wrong path for one tenant`,
    async (t) => {
      await plant(world);
      await world.asOwner(`grant usage on schema globex to ${world.acme.role}`);
      await world.asOwner(`grant select on globex.attack_notes to ${world.acme.role}`);
      await world.asOwner('alter table globex.attack_notes disable row level security');
      const { pool } = await openTappedPool(world, {
        rewrite: (text) =>
          text.replace(`set_config('search_path', e.path`, `set_config('search_path', 'globex, pg_temp'`),
      });
      const tenantDatabase = { ...world.tenantDatabase, poolOf: () => pool };
      const seen = await withTenant(tenantDatabase, { tenant: world.acme.id, readOnly: true }, (tx) =>
        tx.one(CURRENT_CONTEXT),
      );
      t.is(seen.path, 'globex, pg_temp');
      t.true(seen.names.some((name) => name.startsWith('canary')));
    },
  );
}
