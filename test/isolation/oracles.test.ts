import test from 'ava';

import { watchRows } from '../../src/attacks/plant.ts';
import { canaryIn } from '../../src/attacks/send-as-acme.ts';
import { withTenant } from '../../src/tenancy/context/with-tenant.ts';
import type { World } from '../helpers/world.ts';
import { attack, CANARY, describeError, enterBare, plant, raw } from './attack.ts';
import { openAttackedWorld } from './attacked-world.ts';
import { disableWall } from './walls.ts';

const as = async (world: World, text: string): Promise<unknown> =>
  withTenant(world.tenantDatabase, { tenant: world.acme.id, readOnly: true }, (tx) => tx.any(raw(text)));

/** Sends each statement in a nested transaction of one transaction of acme. Returns what each of them received. */
const sendEach = (world: World, texts: readonly string[]): Promise<readonly unknown[]> =>
  withTenant(world.tenantDatabase, { tenant: world.acme.id, readOnly: false }, async (tx) => {
    const received: unknown[] = [];
    for (const text of texts) {
      received.push(await tx.transaction((nested) => nested.any(raw(text))).catch(describeError));
    }
    return received;
  });

/**
 * Returns a statement that searches all rows for the canary, for every table and view of the catalogs. Sending all rows
 * takes several times longer. The statement itself does not contain the canary: some views show it.
 */
async function catalogs({ asOwner }: World): Promise<string[]> {
  const parts = [CANARY.slice(0, 6), CANARY.slice(6)];
  const rows = await asOwner<{ text: string }>(
    `select format(
       $$select to_jsonb(x) as row from %s as x where x::text like '%%${parts.join("' || '")}%%'$$,
       c.oid::regclass
     ) as text
     from pg_class as c
     where c.relnamespace in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
       and c.relkind in ('r', 'v')
     order by c.relname`,
  );
  return rows.map(({ text }) => text);
}

/** Makes PostgreSQL collect statistics about many rows that contain the canary. */
async function gatherStatistics(world: World): Promise<void> {
  await world.asOwner(
    `insert into globex.attack_notes (id, name) select n + 10, '${CANARY} ' || (n % 5) from generate_series(1, 200) as n`,
  );
  await world.asOwner('analyze globex.attack_notes');
  const [known] = await world.asOwner(
    `select most_common_vals::text as known from pg_stats where schemaname = 'globex' and tablename = 'attack_notes' and attname = 'name'`,
  );
  if (!String(known?.known).includes(CANARY)) {
    throw new TypeError('The statistics contain no canary, so the test would prove nothing.');
  }
}

for (const contextMode of ['guarded', 'signed'] as const) {
  let world: World;
  test.serial.before(async () => {
    world = await openAttackedWorld({ contextMode });
    await plant(world);
    await gatherStatistics(world);
  });
  test.after.always(() => world?.close());

  test.serial(
    `${contextMode}: no catalog or statistics view shows a tenant a value of another`,
    async (t) => {
      const texts = await catalogs(world);
      t.true(texts.length > 150);
      const { result, changed } = await watchRows(world, () => sendEach(world, texts));
      t.false(changed);
      for (const [index, received] of result.entries()) {
        t.is(canaryIn(received), null, texts[index]);
      }

      // The superuser may read all of them, so this shows that the search finds the canary.
      const undo = [await disableWall.role(world), await disableWall.policy(world)];
      const leaked = await attack(
        world,
        texts.filter((text) => text.includes('pg_stats ')),
      );
      for (const build of undo.reverse()) {
        await build();
      }
      t.truthy(leaked, 'the search finds the rows without role and policy');
    },
  );

  test.serial(
    `${contextMode}: past the driver, no catalog shows the login or the role of another tenant a value`,
    async (t) => {
      const texts = await catalogs(world);
      for (const role of ['none', world.globex.role]) {
        t.is(await attack(world, [`set local role ${role}`, ...texts], 'bare'), null, role);
      }
    },
  );

  test.serial(
    `${contextMode}: a tenant cannot count the rows of another with the statistics functions`,
    async (t) => {
      const probes = [
        `select pg_stat_get_live_tuples(c.oid) from pg_class as c where c.relname = 'attack_notes'`,
        `select pg_stat_get_tuples_inserted(c.oid) from pg_class as c where c.relname = 'attack_notes'`,
        `select pg_stat_get_xact_tuples_returned(c.oid) from pg_class as c where c.relname = 'attack_notes_pkey'`,
        `select pg_relation_size(c.oid) from pg_class as c where c.relname = 'attack_notes'`,
        `select pg_total_relation_size(c.oid) from pg_class as c where c.relname = 'attack_notes'`,
        `select n_live_tup from pg_stat_user_tables`,
        `select n_tup_ins from pg_stat_all_tables`,
        `select * from pg_stat_xact_user_tables`,
        `select * from pg_statio_user_indexes`,
        `select * from pg_statio_all_sequences`,
        `select * from pg_stat_user_indexes`,
        `select * from pg_stat_activity`,
        `select * from pg_stat_get_activity(null)`,
        `select * from pg_locks`,
        `select * from pg_sequences`,
        `select pg_sequence_last_value(c.oid) from pg_class as c where c.relkind = 'S'`,
        `select last_value from globex.attack_notes_id_seq`,
      ];
      for (const text of probes) {
        const outcome = await as(world, text).catch((error: Error) => error);
        if (outcome instanceof Error) {
          t.regex(outcome.message, /permission denied/, text);
        } else {
          // Permitted functions return facts of the tenant's own relations only.
          const received = JSON.stringify(outcome);
          t.false(/globex|"20[0-9]"|:20[0-9][,}]/.test(received), `${text}: ${received.slice(0, 200)}`);
        }
      }
    },
  );

  test.serial(`${contextMode}: detects a statistics function that is left executable`, async (t) => {
    const count = (): Promise<unknown> =>
      as(
        world,
        `select pg_stat_get_live_tuples(c.oid) as n from pg_class as c join pg_namespace as s on s.oid = c.relnamespace
         where s.nspname = 'globex' and c.relname = 'attack_notes'`,
      );
    await t.throwsAsync(count(), { message: /permission denied for function pg_stat_get_live_tuples/ });
    await world.asOwner('grant execute on function pg_stat_get_live_tuples(oid) to public');
    const received = await count();
    await world.asOwner('revoke execute on function pg_stat_get_live_tuples(oid) from public');
    t.true(
      (received as Array<{ n: number }>).every(({ n }) => n >= 202),
      JSON.stringify(received),
    );
  });

  test.serial(`${contextMode}: wall 0 rejects EXPLAIN, which counts rows behind the policy`, async (t) => {
    const explain = `explain (analyze, costs off, timing off, summary off, buffers off)
      select from globex.attack_people where email = '${CANARY}@example.com'`;
    await t.throwsAsync(as(world, explain), { code: 'statement_refused' } as never);

    // The reason, and the second sentence of the claim: without the driver's check, plans reveal values.
    const explainAs = async (email: string): Promise<string> => {
      const client = await world.bare();
      await client.query('begin');
      await enterBare(client, world, world.acme);
      await client.query(`set local role ${world.globex.role}`);
      const { rows } = await client.query(explain.replace(`${CANARY}@example.com`, email));
      await client.query('rollback');
      await client.end();
      return JSON.stringify(rows);
    };
    const [right, wrong] = [await explainAs(`${CANARY}@example.com`), await explainAs('nobody@example.com')];
    t.false(right.includes(CANARY.concat(' ')), 'no row is read');
    t.log(right === wrong ? 'The plans are the same.' : 'The plans differ, as the claim says they may.');
  });

  test.serial(
    `${contextMode}: tenants cannot execute functions that run SQL text, sleep, lock or signal`,
    async (t) => {
      const open = await world.asOwner(
        `select p.oid::regprocedure::text as name
       from pg_proc as p
       where p.pronamespace = 'pg_catalog'::regnamespace
         and has_function_privilege($1, p.oid, 'execute')
         and (
           p.proname ~ '(query|table|schema|database|cursor)_to_xml'
           or p.proname in ('set_config', 'ts_stat', 'ts_rewrite', 'pg_notify', 'pg_export_snapshot', 'loread', 'lowrite')
           or p.proname ~ '^(lo_|pg_sleep|pg_stat_get_|pg_cancel|pg_terminate|pg_.*advisory|pg_ls_|pg_logical_emit)'
           or p.proname ~ '^(pg_.*_size$)'
         )
       order by 1`,
        [world.acme.role],
      );
      // These return the size of a value that the caller has already.
      t.deepEqual(
        open.filter(({ name }) => !/^(pg_column_size|pg_size_bytes|pg_size_pretty)/.test(String(name))),
        [],
      );
    },
  );

  test.serial(`${contextMode}: a conflict does not reveal that another tenant has a row`, async (t) => {
    const insert = (id: number): string => `insert into globex.attack_notes (id, name) values (${id}, 'x')`;
    const messages: string[] = [];
    for (const id of [1, 12_345]) {
      const client = await world.bare();
      await client.query('begin');
      await enterBare(client, world, world.acme);
      await client.query(`set local role ${world.globex.role}`);
      const error = await t.throwsAsync(client.query(insert(id)));
      messages.push(error?.message ?? '');
      await client.query('rollback');
    }
    t.is(messages[0], messages[1]);
    t.regex(messages[0] ?? '', /violates row-level security/);
  });
}
