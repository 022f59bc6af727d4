import test from 'ava';
import pg from 'pg';
import { enterGlobexWith } from '../../src/attacks/categories/entry.ts';
import { forgedProofs, seconds, validEntry } from '../../src/attacks/forged-proofs.ts';
import { withTenant } from '../../src/tenancy/context/with-tenant.ts';
import { OPERATOR_FUNCTIONS } from '../helpers/operator-functions.ts';
import type { World } from '../helpers/world.ts';
import { CANARY, enterBare, plant, raw } from './attack.ts';
import { openAttackedWorld } from './attacked-world.ts';
import { rewrite, type Undo } from './walls.ts';

const ENTER = 'tenancy.enter(uuid, bigint, text)';

// The checks of tenancy.enter, in weaker forms.
const acceptsEveryProof = (world: World): Promise<Undo> =>
  rewrite(world, ENTER, /(= split_part\(p_proof, '\.', 2\)\s*\)) is not true/, '$1 is not true and false');
const raisesOnlyIfUnequal = (world: World): Promise<Undo> =>
  rewrite(world, ENTER, /= (split_part\(p_proof, '\.', 2\)\s*\)) is not true/, '<> $1');
const acceptsEveryExpiry = (world: World): Promise<Undo> =>
  rewrite(world, ENTER, /(\(p_expires - [^;]* between 0 and 120\)) is not true/, '$1 is not true and false');

/** A weaker form of each check, and the forged proofs of src/attacks/forged-proofs.ts that it accepts. */
const breaks: Readonly<Record<string, ReadonlyArray<(world: World) => Promise<Undo>>>> = {
  null: [raisesOnlyIfUnequal],
  empty: [raisesOnlyIfUnequal],
  'no-expiry': [acceptsEveryProof, acceptsEveryExpiry],
  nothing: [raisesOnlyIfUnequal, acceptsEveryExpiry],
  'unknown-key': [raisesOnlyIfUnequal],
  'empty-key': [raisesOnlyIfUnequal],
  'own-key': [acceptsEveryProof],
  'database-key': [acceptsEveryProof],
  'other-tenant': [acceptsEveryProof],
  'later-expiry': [acceptsEveryProof],
  cut: [acceptsEveryProof],
  'key-id-only': [acceptsEveryProof],
  expired: [acceptsEveryExpiry],
  'long-lived': [acceptsEveryExpiry],
};

/** The functions of schema tenancy that PUBLIC may execute. */
const EVERYBODY = [
  'tenancy.current_tenant()',
  'tenancy.lock_limit(text)',
  'tenancy.mark_due(text)',
  'tenancy.my_domain_records()',
  'tenancy.my_domains()',
  'tenancy.my_subscription()',
  'tenancy.my_tenant()',
  'tenancy.own_audit_events(uuid,integer)',
  'tenancy.record_own_event(text,jsonb,jsonb,text,text)',
  'tenancy.reject(text)',
  'tenancy.require(boolean,text)',
  'tenancy.reschedule_due(text,timestamp with time zone,timestamp with time zone)',
];

/** The functions that only the service's login may execute. */
const SERVICE = [
  'tenancy.enter(uuid,bigint,text)',
  'tenancy.statistics(text,integer,text,integer,text[])',
  'tenancy.find_due(text,integer)',
  'tenancy.global_migrations()',
  'tenancy.is_in_transaction(integer)',
  'tenancy.resolve_host(text)',
  'tenancy.database_of(uuid)',
  'tenancy.lane_of(uuid)',
  'tenancy.list_lanes()',
  'tenancy.fleet_check()',
  'tenancy.record_fleet_check(text,bigint,text)',
  'tenancy.export_copy(uuid,bigint,text)',
  'tenancy.import_copy(text,bigint,text)',
  'tenancy.shared_migrations()',
  'tenancy.version()',
  ...OPERATOR_FUNCTIONS.map((name) => `tenancy.${name}(text,bigint,text)`),
];

const worlds: Partial<Record<'guarded' | 'signed', World>> = {};

for (const contextMode of ['guarded', 'signed'] as const) {
  let world: World;
  let client: pg.Client;
  test.serial.before(async () => {
    world = await openAttackedWorld({ contextMode });
    worlds[contextMode] = world;
    client = await world.bare();
    await plant(world);
  });
  test.after.always(() => world?.close());

  test.serial(`${contextMode}: a tenant is entered with its proof`, async (t) => {
    for (const key of world.keys) {
      t.is(await enterGlobexWith(world, validEntry(key, world), client), CANARY);
    }
  });

  for (const { id, title, entry } of forgedProofs) {
    test.serial(`${contextMode}: a tenant cannot be entered ${title}`, async (t) => {
      t.is(await enterGlobexWith(world, entry(world), client), null);

      const undo: Undo[] = [];
      for (const disable of breaks[id] ?? []) {
        undo.push(await disable(world));
      }
      const leaked = await enterGlobexWith(world, entry(world), client);
      for (const build of undo.reverse()) {
        await build();
      }
      t.is(leaked, CANARY, 'the entry succeeds without the check');
    });
  }

  test.serial(`${contextMode}: an entry without a tenant is rejected`, async (t) => {
    for (const entry of [
      [null, seconds() + 60, validEntry(world.keys[0], world)[2]],
      [null, null, null],
      ['00000000-0000-4000-8000-000000000000', seconds() + 60, null],
    ]) {
      await t.throwsAsync(client.query('select from tenancy.enter($1, $2, $3)', entry), {
        message: /proof/,
      });
    }
    // A valid proof for a tenant that does not exist.
    const unknown = { ...world.globex, id: '00000000-0000-4000-8000-000000000000' as typeof world.globex.id };
    await t.throwsAsync(enterBare(client, world, unknown), { message: 'no such tenant' });
    const { rows } = await client.query(`select coalesce(tenancy.current_tenant(), '') as tenant`);
    t.deepEqual(rows, [{ tenant: '' }]);
  });

  test.serial(`${contextMode}: a transaction that has entered one tenant cannot enter another`, async (t) => {
    const enterTwice = async (): Promise<string | null> => {
      await client.query('begin');
      try {
        await enterBare(client, world, world.acme);
        await client.query('set local role none');
        await enterBare(client, world, world.globex);
        const { rows } = await client.query('select name from globex.attack_notes');
        return JSON.stringify(rows).includes(CANARY) ? CANARY : null;
      } catch {
        return null;
      } finally {
        await client.query('rollback');
      }
    };
    t.is(await enterTwice(), null);

    const undo =
      contextMode === 'guarded'
        ? await rewrite(world, 'tenancy.set_context(text)', `= ANY (ARRAY[''::text, p_role])`, 'is not null')
        : await rewrite(world, 'tenancy.set_context(text)', '= p_role) is not true', 'is null)');
    const leaked = await enterTwice();
    await undo();
    t.is(leaked, CANARY, 'the entry succeeds without the check');
  });

  test.serial(`${contextMode}: the service cannot use the owners' entry function`, async (t) => {
    const enterAsOwner = async (): Promise<string | null> => {
      await client.query('begin');
      try {
        await client.query(`select tenancy.enter_owner('globex')`);
        await client.query(`set local role ${world.globex.role}`);
        const { rows } = await client.query('select name from globex.attack_notes');
        return JSON.stringify(rows).includes(CANARY) ? CANARY : null;
      } catch {
        return null;
      } finally {
        await client.query('rollback');
      }
    };
    t.is(await enterAsOwner(), null);

    await world.asOwner(`grant execute on function tenancy.enter_owner(text) to ${world.service}`);
    const leaked = await enterAsOwner();
    await world.asOwner(`revoke execute on function tenancy.enter_owner(text) from ${world.service}`);
    t.is(leaked, CANARY, 'the attack succeeds when the service can execute the function');
  });

  test.serial(
    `${contextMode}: neither the service nor a tenant can use keys, registry or context functions`,
    async (t) => {
      const open = await world.asOwner(
        `select r.rolname, c.oid::regclass::text as what
       from pg_roles as r, pg_class as c
       where r.rolname in ($1, $2, $3)
         and c.relnamespace in ('tenancy'::regnamespace, 'public'::regnamespace, 'tenancy_migrations'::regnamespace)
         and c.relkind in ('r', 'v', 'p')
         and has_table_privilege(r.oid, c.oid, 'select, insert, update, delete, truncate, references, trigger')
       union all
       select r.rolname, f.oid::regprocedure::text
       from pg_roles as r, pg_proc as f
       where r.rolname in ($1, $2, $3)
         and f.pronamespace = 'tenancy'::regnamespace
         and has_function_privilege(r.oid, f.oid, 'execute')
       order by 1, 2`,
        [world.service, world.acme.role, world.globex.role],
      );
      const by = (role: string) => open.filter(({ rolname }) => rolname === role).map(({ what }) => what);
      t.deepEqual(by(world.acme.role), EVERYBODY);
      t.deepEqual(by(world.globex.role), EVERYBODY);
      t.deepEqual(by(world.service), [...EVERYBODY, ...SERVICE].sort());
    },
  );

  test.serial(`${contextMode}: a revoked key is rejected`, async (t) => {
    const [, old] = world.keys;
    t.truthy(old);
    if (old) {
      t.is(await enterGlobexWith(world, validEntry(old, world), client), CANARY);
      await world.asOwner(`delete from tenancy.keys where purpose = 'proof' and id = $1`, [old.id]);
      t.is(await enterGlobexWith(world, validEntry(old, world), client), null);
    }
  });

  test.serial(`${contextMode}: a rejected entry returns no row and saves nothing`, async (t) => {
    const tenantDatabase = { ...world.tenantDatabase, key: { id: 'test', secret: Buffer.alloc(32, 7) } };
    let released: unknown = 'nothing';
    await t.throwsAsync(
      withTenant(tenantDatabase, { tenant: world.globex.id, readOnly: false }, async (tx) => {
        released = await tx.any(
          raw(`insert into globex.attack_notes (id, name) values (98, 'x') returning name`),
        );
      }),
      { message: 'the proof is not valid' },
    );
    t.is(released, 'nothing');
    t.deepEqual(await world.asOwner('select from globex.attack_notes where id = 98'), []);
  });

  test.serial(
    `${contextMode}: a tenant that is deleted, moving or in maintenance cannot be entered`,
    async (t) => {
      for (const [status, message] of [
        ['deleted', 'no such tenant'],
        ['spare', 'no such tenant'],
        ['moving', 'the tenant is in status moving'],
        ['maintenance', 'the tenant is in status maintenance'],
      ] as const) {
        await world.asOwner('update public.tenants set status = $2 where id = $1', [world.globex.id, status]);
        const entering = withTenant(world.tenantDatabase, { tenant: world.globex.id, readOnly: true }, (tx) =>
          tx.any(raw('select name from attack_notes')),
        );
        await t.throwsAsync(entering, { message });
      }
      await world.asOwner(`update public.tenants set status = 'active' where id = $1`, [world.globex.id]);
    },
  );
}

/** Returns the world of the tests above. */
function worldOf(contextMode: 'guarded' | 'signed'): World {
  const world = worlds[contextMode];
  if (!world) {
    throw new TypeError(`The world in context mode ${contextMode} is not open.`);
  }
  return world;
}

// The following tests are about the signature of the context in the mode `signed`.

async function replay(
  world: World,
  client: pg.Client,
  context: (parts: readonly string[]) => string,
  capturing: pg.Client = client,
): Promise<string | null> {
  await capturing.query('begin');
  await enterBare(capturing, world, world.globex);
  const { rows } = await capturing.query<{ context: string }>(
    `select current_setting('tenancy.context') as context`,
  );
  await capturing.query('commit');

  await client.query('begin');
  await enterBare(client, world, world.acme);
  await client.query('set local role none');
  await client.query(`select set_config('tenancy.context', $1, true)`, [
    context(rows[0]?.context.split('|') ?? []),
  ]);
  await client.query(`set local role ${world.globex.role}`);
  const { rows: leaked } = await client.query('select name from globex.attack_notes');
  await client.query('commit');
  return JSON.stringify(leaked).includes(CANARY) ? CANARY : null;
}

const CURRENT = 'tenancy.current_tenant()';

test.serial('signed: the context of one transaction is invalid in another', async (t) => {
  const world = worldOf('signed');
  // Requires two sessions, which a pooler would merge.
  const [client, other] = [await world.ownBackend(), await world.ownBackend()];
  const same = (parts: readonly string[]): string => parts.join('|');
  t.is(await replay(world, client, same), null);
  t.is(await replay(world, client, same, other), null);

  const anyTime = await rewrite(world, CURRENT, /and v_part\[3\] = extract\([^)]*\(\)\)::text/, '');
  const inAnotherTransaction = await replay(world, client, same);
  const onAnotherBackend = await replay(world, client, same, other);
  t.is(inAnotherTransaction, CANARY, 'the context is valid without the comparison of the time');
  t.is(onAnotherBackend, null);
  const anyBackend = await rewrite(world, CURRENT, /and v_part\[2\] = pg_backend_pid\(\)::text/, '');
  t.is(
    await replay(world, client, same, other),
    CANARY,
    'the context is valid without the comparison of the backend',
  );
  await anyBackend();
  await anyTime();
});

test.serial('guarded: only the owner of the registry can set the current tenant', async (t) => {
  const world = worldOf('guarded');
  const { role } = world.globex;
  const client = await world.bare();
  const attempts = [
    `set backtrace_functions = '${role}'`,
    `set local backtrace_functions = '${role}'`,
    `select set_config('backtrace_functions', '${role}', true)`,
    `select set_config('backtrace_functions', '${role}', false)`,
    `alter role ${world.service} set backtrace_functions = '${role}'`,
    `update pg_catalog.pg_settings set setting = '${role}' where name = 'backtrace_functions'`,
  ];
  for (const become of ['none', role]) {
    for (const text of attempts) {
      await client.query('begin');
      await client.query(`set local role ${become}`);
      await t.throwsAsync(client.query(text), undefined, text);
      await client.query('rollback');
    }
  }
  for (const text of ['reset backtrace_functions', 'reset all', 'discard all']) {
    await client.query(text).catch(() => {});
    const { rows } = await client.query('select tenancy.current_tenant() as tenant');
    t.deepEqual(rows, [{ tenant: '' }], text);
  }
  const tryStartupOption = async (connectionString: string): Promise<void> => {
    const attacker = new pg.Client({ connectionString, options: `-c backtrace_functions=${role}` });
    attacker.on('error', () => {});
    await attacker.connect();
    await attacker.end();
  };
  const { serviceUrl, listenUrl = serviceUrl } = world;
  await t.throwsAsync(tryStartupOption(listenUrl), { message: /permission denied to set parameter/ });
  // PgBouncer does not forward options.
  await t.throwsAsync(tryStartupOption(serviceUrl));
});

// Last: it deletes the key of its world.
test.serial(
  'signed: a context with a missing, empty or additional part identifies no tenant, even without a key',
  async (t) => {
    const world = worldOf('signed');
    const client = await world.bare();
    await world.asOwner(`delete from tenancy.keys where purpose = 'context'`);

    const now = `pg_backend_pid() || '|' || extract(epoch from transaction_timestamp())`;
    const { role } = world.globex;
    const forged = [
      `'${role}'`,
      `'${role}|'`,
      `'${role}|' || ${now}`,
      `'${role}|' || ${now} || '|'`,
      `'${role}|' || ${now} || '|00'`,
      `'${role}|' || ${now} || '||'`,
      `'|' || ${now} || '|'`,
      `'|||'`,
      `''`,
    ];
    const accepted = async (): Promise<number[]> => {
      const answers: number[] = [];
      // In separate transactions: a running one may still use the old function.
      await client.query('begin');
      for (const [index, text] of forged.entries()) {
        await client.query(`select set_config('tenancy.context', ${text}, true)`);
        const { rows } = await client.query('select tenancy.current_tenant() as tenant');
        if (rows[0].tenant !== null) {
          answers.push(index);
        }
      }
      await client.query('rollback');
      return answers;
    };
    t.deepEqual(await accepted(), []);

    await rewrite(world, CURRENT, ') is not true then', ') is false then');
    t.deepEqual(await accepted(), [3, 4, 6], 'the context is valid if null counts as true');
  },
);
