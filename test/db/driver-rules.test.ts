/**
 * Attacks that a rule of the driver stops, each also on a driver without that rule, where it must succeed.
 * The statement wall is removed from both: the attacker sends any statement.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { type QuerySqlToken, sql } from 'slonik';
import { z } from 'zod';

import type { openPool } from '../../src/db/pool/pool.ts';
import type { querySingle } from '../../src/tenancy/context/query-single.ts';
import type { TenantTransaction, withTenant } from '../../src/tenancy/context/with-tenant.ts';
import { importWithout, type Rule } from '../helpers/without-rules.ts';
import { type Member, openWorld, type World } from '../helpers/world.ts';
import { raw } from '../isolation/attack.ts';
import { openCuttingProxy } from './cutting-proxy.ts';

const ANY_STATEMENT: Rule = {
  file: 'src/db/driver/statement.ts',
  from: 'if (!ALLOWED.has(keyword)) {',
  to: 'if (keyword === null) {',
};
const namesLike = (prefix: string): Rule => ({
  file: 'src/db/driver/prepared-statements.ts',
  from: "randomBytes(12).toString('base64url')",
  to: `'${prefix}' + (this.count = (this.count ?? 0) + 1)`,
});
const ONE_SCOPE: Rule = {
  file: 'src/db/driver/session-batches.ts',
  from: 'this.#named(work, options.statementScope)',
  to: "this.#named(work, 'all tenants')",
};
const ROWS_EXPECTED: Rule = {
  file: 'src/db/driver/single-transaction.ts',
  from: ' || !ROW_COMMANDS.has(last.command)',
  to: '',
};
const OUTCOME_UNKNOWN: readonly Rule[] = [
  { file: 'src/db/driver/single-transaction.ts', from: 'throw outcomeUnknown(error);', to: 'throw error;' },
  {
    file: 'src/db/driver/session.ts',
    from: 'const unknown = outcomeUnknown(error);',
    to: 'const unknown = error;',
  },
];

const row = z.looseObject({});
const read = () => sql.type(row)`select name from notes where name <> ${'nothing'} order by id`;

const worlds: Partial<Record<'guarded' | 'signed', World>> = {};
test.before(async () => {
  for (const contextMode of ['guarded', 'signed'] as const) {
    const world = await openWorld({ contextMode });
    worlds[contextMode] = world;
    await world.asOwner(`insert into acme.notes (name) values ('of acme')`);
    await world.asOwner(`insert into globex.notes (name) values ('of globex')`);
  }
});
test.after.always(async () => {
  await Promise.all(Object.values(worlds).map((world) => world.close()));
});

const worldOf = (contextMode: 'guarded' | 'signed'): World => {
  const world = worlds[contextMode];
  if (!world) {
    throw new TypeError('The world is not open.');
  }
  return world;
};

let graphs = 0;

/** Opens a driver without these rules, with one connection. Returns functions that run statements in a tenant. */
async function openDriver(
  t: ExecutionContext,
  rules: readonly Rule[],
  {
    contextMode = 'guarded',
    url = worldOf(contextMode).serviceUrl,
  }: { contextMode?: 'guarded' | 'signed'; url?: string } = {},
) {
  const world = worldOf(contextMode);
  graphs += 1;
  const load = <Module>(file: string): Promise<Module> =>
    importWithout(`driver-${graphs}`, [ANY_STATEMENT, ...rules], file) as Promise<Module>;
  const driver = {
    ...(await load<{ openPool: typeof openPool }>('src/db/pool/pool.ts')),
    ...(await load<{ querySingle: typeof querySingle }>('src/tenancy/context/query-single.ts')),
    ...(await load<{ withTenant: typeof withTenant }>('src/tenancy/context/with-tenant.ts')),
  };
  const usage = { hits: 0, misses: 0 };
  const pool = await driver.openPool({
    connection: { connectionString: url },
    applicationName: `driver ${graphs}`,
    connectTimeout: 60_000,
    queryTimeout: 40_000,
    maxPoolSize: 1,
    poolTimeout: 60_000,
    maxConnectionAge: 600_000,
    preparedStatements: { bytes: 2 ** 24, usage },
  });
  t.teardown(() => pool.end());
  const tenantDatabase = { ...world.tenantDatabase, poolOf: () => pool };
  const inside = (work: (tx: TenantTransaction) => Promise<void>) =>
    driver.withTenant(tenantDatabase, { tenant: world.acme.id, readOnly: false, schemaVersion: '1' }, work);
  return {
    world,
    pool,
    usage,
    single: ({ id: tenant }: Member, query: QuerySqlToken<z.ZodType> = read(), readOnly = true) =>
      driver.querySingle(
        tenantDatabase,
        { tenant, readOnly, schemaVersion: '1', admitted: ['active'] },
        query,
      ) as Promise<ReadonlyArray<Record<string, unknown>>>,
    inside,
    /** Sends statements in a transaction of acme, past the statement wall. */
    attack: (...texts: readonly string[]) =>
      inside(async (tx) => {
        for (const text of texts) {
          await tx.query(raw(text));
        }
      }).catch((error: Error) => error),
  };
}
type Driver = Awaited<ReturnType<typeof openDriver>>;

/** Redefines the statement of a name, and returns how many rows of globex remain after its next read. */
async function redefine(
  t: ExecutionContext,
  { world, single, attack }: Driver,
  name: string,
): Promise<number> {
  const use = () => single(world.globex, read(), false);
  for (let at = 0; at < 3; at += 1) {
    t.deepEqual(await use(), [{ name: 'of globex' }]);
  }
  await attack(`deallocate "${name}"`);
  await attack(`prepare "${name}" (text) as delete from notes returning name`);
  await use();
  return (await world.asOwner('select from globex.notes')).length;
}

// PGBOUNCER_: as PgBouncer names statements.
for (const prefix of ['s', 'PGBOUNCER_']) {
  test.serial(
    `a tenant cannot redefine another's statement by guessing names such as ${prefix}1`,
    async (t) => {
      // A connection first prepares the entry, then the read.
      t.is(await redefine(t, await openDriver(t, []), `${prefix}2`), 1);
      const weak = await openDriver(t, [namesLike(prefix)]);
      t.is(await redefine(t, weak, `${prefix}2`), 0, 'without random names');
      await weak.world.asOwner(`insert into globex.notes (name) values ('of globex')`);
    },
  );
}

test.serial(
  'statements of all tenants can have one name, because PostgreSQL plans them for role and path',
  async (t) => {
    for (const contextMode of ['guarded', 'signed'] as const) {
      const { world, single, usage } = await openDriver(t, [ONE_SCOPE], { contextMode });
      const member = await world.provision('planned');
      await world.asOwner(`insert into planned.notes (name) values ('of planned')`);
      const namesOf = async (tenant: Member) => {
        const rows = await single(tenant).catch((error: Error) => [{ name: error.message }]);
        return rows.map(({ name }) => name);
      };
      // PostgreSQL may keep a generic plan from the sixth execution on.
      for (let at = 0; at < 8; at += 1) {
        t.deepEqual(await namesOf(world.acme), ['of acme']);
        t.deepEqual(await namesOf(member), ['of planned']);
      }
      t.is(usage.misses, 1, 'both tenants use one statement');
      for (const [change, expected] of [
        ['alter policy same_tenant on planned.notes using (false)', []],
        ['drop policy same_tenant on planned.notes', []],
        [`select tenancy.protect_schema('planned')`, ['of planned']],
        [`revoke select on planned.notes from ${member.role}`, ['permission denied for table notes']],
        [`grant select on planned.notes to ${member.role}`, ['of planned']],
        ['alter table planned.notes rename to notes_before', ['relation "notes" does not exist']],
        [
          'create table planned.notes (like planned.notes_before including all)',
          ['permission denied for table notes'],
        ],
        [`select tenancy.protect_schema('planned')`, []],
        ['drop table planned.notes; alter table planned.notes_before rename to notes', ['of planned']],
      ] as const) {
        await world.asOwner(change);
        t.deepEqual(await namesOf(member), [...expected], `${contextMode}: ${change}`);
        t.deepEqual(await namesOf(world.acme), ['of acme']);
      }
    }
  },
);

test.serial(
  'a commit as a single statement, past the statement wall, is never reported as success',
  async (t) => {
    const commit = { ...sql.type(row)`select`, sql: 'commit' };
    const { single, world } = await openDriver(t, []);
    await t.throwsAsync(single(world.acme, commit, false), { code: 'transaction_aborted' } as never);
    const weak = await openDriver(t, [ROWS_EXPECTED]);
    t.deepEqual(await weak.single(world.acme, commit, false), [], 'without a check of the command');
  },
);

test.serial(
  'a write whose connection was lost is not reported as one that a client may repeat',
  async (t) => {
    const { url, cut } = await openCuttingProxy(t, worldOf('guarded').serviceUrl);
    const insert = (name: string) => sql.type(row)`insert into notes (name) values (${name}) returning name`;
    /** Writes as a client that repeats a request unless the response says that its outcome is unknown. */
    const write = async ({ world, single, inside, pool }: Driver, name: string, isSingle: boolean) => {
      for (const isCut of [true, false]) {
        await single(world.acme);
        while (pool.state().idleConnections === 0) {
          await sleep(10);
        }
        try {
          if (isSingle) {
            cut(isCut);
            await single(world.acme, insert(name), false);
          } else {
            await inside(async (tx) => {
              await tx.query(insert(name));
              cut(isCut);
            });
          }
        } catch (error) {
          if ((error as { code?: string }).code === 'outcome_unknown') {
            break;
          }
        } finally {
          cut(false);
        }
      }
      const saved = await world.asOwner('select from acme.notes where name = $1', [name]);
      await world.asOwner('delete from acme.notes where name = $1', [name]);
      return saved.length;
    };
    for (const isSingle of [true, false]) {
      t.is(await write(await openDriver(t, [], { url }), 'once', isSingle), 1);
      t.is(
        await write(await openDriver(t, OUTCOME_UNKNOWN, { url }), 'twice', isSingle),
        2,
        'without the rule',
      );
    }
  },
);
