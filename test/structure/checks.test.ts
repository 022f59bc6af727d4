import test from 'ava';
import pg from 'pg';
import { sql } from 'slonik';
import { z } from 'zod';
import { loginOf } from '../../src/db/admin/connection-config.ts';
import {
  checkNames,
  type Finding,
  type Query,
  runCheck,
  runChecks,
  type Severity,
} from '../../src/db/checks.ts';
import { assertRowStatement } from '../../src/db/driver/statement.ts';
import { readSqlFile } from '../../src/db/sql/sql-file.ts';
import { DomainError } from '../../src/errors.ts';
import { checkSchemas } from '../../src/tenancy/install/check-schemas.ts';
import { sharedFingerprint } from '../../src/tenancy/install/install.ts';
import { assertPreconditions } from '../../src/tenancy/install/preconditions.ts';
import { testServerUrl } from '../helpers/postgres.ts';
import { openWorld, type World } from '../helpers/world.ts';

let guarded: World;
let signed: World;

test.before(async () => {
  [guarded, signed] = await Promise.all([
    openWorld({ carrier: 'guarded' }),
    openWorld({ carrier: 'signed' }),
  ]);
});

test.after.always(async () => {
  await Promise.all([guarded?.close(), signed?.close()]);
});

const queryOf =
  (client: pg.ClientBase): Query =>
  async (text) =>
    (await client.query(text)).rows;

/** The service's own way: its pool, our driver, wall 0. */
const queryOfPool =
  ({ pool }: World): Query =>
  (text) =>
    pool.any({ ...sql.type(z.record(z.string(), z.unknown()))`select`, sql: text });

async function connected<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** A superuser's transaction in the world that leaves nothing behind. */
const undone = <T>(world: World, work: (client: pg.Client) => Promise<T>): Promise<T> =>
  connected(world.ownerUrl, async (client) => {
    await client.query('begin');
    return work(client);
  });

/** What belongs to the whole cluster is not changed while another process makes a world. */
const alone = async <T>(work: () => Promise<T>): Promise<T> =>
  connected(await testServerUrl(), async (client) => {
    await client.query(`select pg_advisory_lock(hashtextextended('koa-tenants test world', 0))`);
    return work();
  });

/** The world's database, by name. */
const databaseOf = ({ ownerUrl }: World): string => new URL(ownerUrl).pathname.slice(1);

const describe = (findings: readonly Finding[]): string[] =>
  findings.map(({ check, object, fault }) => `${check}: ${object} ${fault}`);

for (const carrier of ['guarded', 'signed'] as const) {
  const world = (): World => (carrier === 'guarded' ? guarded : signed);

  test(`${carrier}: nothing is wrong after a migration with two tenants, for the service's own pool`, async (t) => {
    t.deepEqual(describe(await runChecks(queryOfPool(world()), { service: world().service })), []);
  });

  test(`${carrier}: nothing is wrong after a migration with two tenants, for the migrating login`, async (t) => {
    await connected(world().ownerUrl, async (client) => {
      t.deepEqual(describe(await runChecks(queryOf(client), { service: world().service })), []);
    });
  });

  test(`${carrier}: the preconditions hold, and tell the carrier`, async (t) => {
    const result = await assertPreconditions({
      query: queryOfPool(world()),
      service: world().service,
      fingerprint: await sharedFingerprint(),
      allowUnhardened: false,
    });
    // Errors depend on the server that the tests run on.
    const warnings = result.warnings.filter(({ severity }) => severity !== 'error');
    t.deepEqual({ ...result, warnings }, { carrier, fingerprint: await sharedFingerprint(), warnings: [] });
  });
}

test('every check is one statement that reads', async (t) => {
  const files = [
    ...(await checkNames()).map((check) => [check, `checks/${check}.sql`] as const),
    ...(await checkNames('error')).map((check) => [check, `errors/${check}.sql`] as const),
    ...(await checkNames('advice')).map((check) => [check, `advice/${check}.sql`] as const),
  ];
  for (const [check, file] of files) {
    const text = await readSqlFile(file, { service: 'app' });
    t.notThrows(() => assertRowStatement(text), check);
    // Outside comments and literals the one that ends it.
    const bare = text.replaceAll(/^--.*|'[^'\n]*'/gm, '');
    t.is(bare.indexOf(';'), bare.trimEnd().length - 1, check);
    t.regex(
      text,
      new RegExp(`^-- ${check}\\.sql: .*\\n(--.*\\n)*-- {3}psql "\\$OWNER_DATABASE_URL" .*${check}\\.sql\\n`),
    );
  }
});

type Offender = Readonly<{
  check: string;
  /** Of sql/advice/. */
  severity?: Severity;
  what: string;
  plant: (world: World) => string;
  /** `object fault`, as a person reads it. */
  found: (world: World) => string | RegExp;
  /** Set where the way out is not SQL for this transaction. */
  mendedElsewhere?: true;
  /** Of the whole cluster. */
  shared?: true;
}>;

const OFFENDERS: readonly Offender[] = [
  ...(
    [
      ['superuser', 'is a superuser'],
      ['bypassrls', 'walks past row-level security'],
      ['createrole', 'may create roles'],
      ['createdb', 'may create databases'],
      ['replication', 'may read the whole cluster by replication'],
      ['inherit', 'inherits the rights of its tenant roles'],
    ] as const
  ).map(
    ([attribute, fault]): Offender => ({
      check: 'service-privileges',
      what: `a login with ${attribute}`,
      plant: ({ service }) => `alter role ${service} ${attribute}`,
      found: ({ service }) => `role ${service} ${fault}`,
    }),
  ),
  {
    check: 'service-privileges',
    what: 'a login that is not there',
    plant: ({ service }) => `alter role ${service} rename to ${service}_gone`,
    found: ({ service }) => `role ${service} does not exist`,
    mendedElsewhere: true,
  },
  {
    check: 'service-owns-nothing',
    what: 'a table of the login',
    plant: ({ service }) => `alter table acme.projects owner to ${service}`,
    found: ({ service }) => `table acme.projects is owned by the service's login, ${service}`,
  },
  {
    check: 'service-owns-nothing',
    what: 'a function of the login',
    plant: ({ service }) =>
      `create function tenancy.mine() returns integer language sql return 1; alter function tenancy.mine() owner to ${service}`,
    found: ({ service }) => `function tenancy.mine() is owned by the service's login, ${service}`,
  },
  {
    check: 'service-owns-nothing',
    what: 'a schema of the login',
    plant: ({ service }) => `create schema "My own" authorization ${service}`,
    found: ({ service }) => `schema "My own" is owned by the service's login, ${service}`,
  },
  {
    check: 'service-owns-nothing',
    what: 'the database of the login',
    plant: (world) => `alter database ${databaseOf(world)} owner to ${world.service}`,
    found: (world) => `database ${databaseOf(world)} is owned by the service's login, ${world.service}`,
  },
  {
    check: 'service-table-rights',
    what: 'a table that the login may read',
    plant: ({ service }) => `grant select on public.tenants to ${service}`,
    found: ({ service }) => `table public.tenants gives rights to the service's login, ${service}`,
  },
  {
    check: 'service-table-rights',
    what: 'one column that the login may read',
    plant: ({ service }) => `grant select (name) on public.tenants to ${service}`,
    found: ({ service }) => `table public.tenants gives rights to the service's login, ${service}`,
  },
  {
    check: 'service-table-rights',
    what: 'a sequence that the login may use',
    plant: ({ service }) => `grant usage on sequence acme.projects_id_seq to ${service}`,
    found: ({ service }) => `sequence acme.projects_id_seq gives rights to the service's login, ${service}`,
  },
  {
    check: 'service-table-rights',
    what: 'a system function that the login may call',
    plant: ({ service }) =>
      `grant execute on function pg_catalog.query_to_xml(text, boolean, boolean, text) to ${service}`,
    found: ({ service }) =>
      `function pg_catalog.query_to_xml(pg_catalog.text,boolean,boolean,pg_catalog.text) gives rights to the service's login, ${service}`,
  },
  {
    check: 'service-table-rights',
    what: 'temporary tables of the login',
    plant: (world) => `grant temporary on database ${databaseOf(world)} to ${world.service}`,
    found: (world) =>
      `database ${databaseOf(world)} gives TEMPORARY to the service's login, ${world.service}`,
  },
  {
    check: 'service-table-rights',
    what: 'a table that everyone may read',
    plant: () => 'grant select, insert on acme.projects to public',
    found: () => 'table acme.projects gives INSERT, SELECT to PUBLIC',
  },
  {
    check: 'service-table-rights',
    what: 'a column that everyone may read',
    plant: () => 'grant select (name) on acme.projects to public',
    found: () => 'table acme.projects gives SELECT to PUBLIC',
  },
  {
    check: 'service-table-rights',
    what: 'a ledger that everyone may read',
    plant: ({ acme }) => `grant select on tenancy_migrations.${acme.role} to public`,
    found: ({ acme }) => `table tenancy_migrations.${acme.role} gives SELECT to PUBLIC`,
  },
  {
    check: 'service-table-rights',
    what: 'a schema that everyone may use',
    plant: () => 'grant usage on schema globex to public',
    found: () => 'schema globex gives USAGE to PUBLIC',
  },
  {
    check: 'service-table-rights',
    what: 'tables to come that everyone may read',
    plant: () => 'alter default privileges for role tenant_owner grant select on tables to public',
    found: () => /^default privileges of tenant_owner give rights on tables/,
  },
  {
    check: 'service-memberships',
    what: 'a login that may become an owner',
    plant: ({ service }) => `grant tenant_owner to ${service}`,
    found: ({ service }) =>
      `role tenant_owner is no tenant role and has the service's login, ${service}, as a member`,
    shared: true,
  },
  {
    check: 'service-memberships',
    what: 'a login that may read the statistics of all',
    plant: ({ service }) => `grant pg_monitor to ${service}`,
    found: ({ service }) =>
      `role pg_monitor is no tenant role and has the service's login, ${service}, as a member`,
    shared: true,
  },
  {
    check: 'service-memberships',
    what: 'a login that may hand a tenant role on',
    plant: ({ service, acme }) => `grant ${acme.role} to ${service} with admin option`,
    found: ({ service, acme }) =>
      `role ${acme.role} may be granted to others by the service's login, ${service}`,
  },
  {
    check: 'unprotected-relations',
    what: 'a table without row-level security',
    plant: () => 'alter table acme.projects disable row level security',
    found: () => 'table acme.projects has no row-level security',
  },
  {
    check: 'unprotected-relations',
    what: 'a table whose owner walks past',
    plant: () => 'alter table acme.projects no force row level security',
    found: () => 'table acme.projects does not force row-level security on its owner',
  },
  {
    check: 'unprotected-relations',
    what: 'a table without policy',
    plant: () => 'drop policy same_tenant on acme.projects',
    found: () => 'table acme.projects has no policy',
  },
  {
    check: 'unprotected-relations',
    what: 'a table made past the migrations',
    plant: () => 'set local role tenant_owner; create table acme."New" (id bigint); reset role',
    found: () => 'table acme."New" has no policy',
  },
  {
    check: 'unprotected-relations',
    what: 'a partition without policy',
    plant: () => `
      set local role tenant_owner;
      create table acme.events (id bigint) partition by range (id);
      select tenancy.protect_schema('acme');
      create table acme.events_1 partition of acme.events for values from (1) to (9);
      reset role`,
    found: () => 'table acme.events_1 has no policy',
  },
  {
    check: 'unprotected-relations',
    what: 'a second policy',
    plant: () => 'create policy everybody on acme.projects using (true)',
    found: () => 'table acme.projects has 2 policies, and any of them lets a row through',
    mendedElsewhere: true,
  },
  ...(
    [
      ['that lets everybody in', () => 'using (true)'],
      [
        'of the neighbour',
        ({ globex }: World) => `using ((select tenancy.current_tenant() = '${globex.role}'))`,
      ],
      [
        'for select only',
        ({ acme }: World) => `for select using ((select tenancy.current_tenant() = '${acme.role}'))`,
      ],
      [
        'that restricts',
        ({ acme }: World) => `as restrictive using (tenancy.current_tenant() = '${acme.role}')`,
      ],
      [
        'to one role',
        ({ acme }: World) => `to ${acme.role} using (tenancy.current_tenant() = '${acme.role}')`,
      ],
      [
        'with another way in',
        ({ acme }: World) => `using (tenancy.current_tenant() = '${acme.role}' or true)`,
      ],
      ['that negates', ({ acme }: World) => `using (not (tenancy.current_tenant() = '${acme.role}'))`],
      [
        'that asks a null',
        ({ acme }: World) => `using ((tenancy.current_tenant() = '${acme.role}') is not false)`,
      ],
      [
        'that lets every row be written',
        ({ acme }: World) => `using (tenancy.current_tenant() = '${acme.role}') with check (true)`,
      ],
      [
        'of a setting that anybody may set',
        ({ acme }: World) => `using (current_setting('app.tenant', true) = '${acme.role}')`,
      ],
      [
        'of the neighbour, and ours elsewhere',
        ({ acme, globex }: World) =>
          `using ((select tenancy.current_tenant() = '${globex.role}') or '${acme.role}' is null)`,
      ],
    ] as const
  ).map(
    ([what, policy]): Offender => ({
      check: 'unprotected-relations',
      what: `a policy ${what}`,
      plant: (world) =>
        `drop policy same_tenant on acme.projects; create policy "Odd one" on acme.projects ${policy(world)}`,
      found: () =>
        'table acme.projects has a policy, "Odd one", that does not let in the tenant of its schema and nobody else',
    }),
  ),
  {
    check: 'unprotected-relations',
    what: 'a policy that asks another function of the same name',
    plant: ({ acme }) => `
      create function public.current_tenant() returns text language sql return '${acme.role}';
      drop policy same_tenant on acme.projects;
      create policy same_tenant on acme.projects using (public.current_tenant() = '${acme.role}');
      set local search_path = public`,
    found: () => /^table acme\.projects has a policy, same_tenant, that does not let in the tenant/,
  },
  {
    check: 'unprotected-relations',
    what: 'a policy that was altered and kept its name',
    plant: ({ globex }) =>
      `alter policy same_tenant on acme.projects using ((select tenancy.current_tenant() in ('${globex.role}')))`,
    found: () =>
      'table acme.projects has a policy, same_tenant, that does not let in the tenant of its schema and nobody else',
  },
  {
    check: 'unprotected-relations',
    what: 'a table that belongs to its tenant role',
    plant: ({ acme }) => `alter table acme.projects owner to ${acme.role}`,
    found: ({ acme }) => `table acme.projects is owned by ${acme.role}, who can switch its policy off`,
  },
  {
    check: 'crossing-relations',
    what: 'a foreign key into the neighbour',
    plant: () => `
      alter table acme.projects add column theirs bigint;
      alter table acme.projects add constraint projects__theirs foreign key (theirs) references globex.projects (id)`,
    found: () =>
      'table acme.projects has a foreign key, projects__theirs, to globex.projects in another schema',
  },
  {
    check: 'crossing-relations',
    what: 'a partition in the neighbour',
    plant: () => `
      create table acme.events (id bigint) partition by range (id);
      create table globex.events_1 partition of acme.events for values from (1) to (9)`,
    found: () => 'table globex.events_1 is a part of acme.events in another schema',
  },
  {
    check: 'crossing-relations',
    what: 'an heir in the neighbour',
    plant: () => 'create table acme.everything () inherits (globex.projects)',
    found: () => 'table acme.everything is a part of globex.projects in another schema',
  },
  {
    check: 'neighbour-rights',
    what: 'a table of the neighbour',
    plant: ({ globex }) => `grant select on acme.projects to ${globex.role}`,
    found: ({ globex }) => `table acme.projects gives rights to ${globex.role}, whose schema is another`,
  },
  {
    check: 'neighbour-rights',
    what: 'a column of the neighbour',
    plant: ({ globex }) => `grant select (name) on acme.projects to ${globex.role}`,
    found: ({ globex }) => `table acme.projects gives rights to ${globex.role}, whose schema is another`,
  },
  {
    check: 'neighbour-rights',
    what: 'a sequence of the neighbour',
    plant: ({ globex }) => `grant usage on sequence acme.projects_id_seq to ${globex.role}`,
    found: ({ globex }) =>
      `sequence acme.projects_id_seq gives rights to ${globex.role}, whose schema is another`,
  },
  {
    check: 'neighbour-rights',
    what: 'a function of the neighbour',
    plant: ({ globex }) => `
      create function acme.one() returns integer language sql return 1;
      grant execute on function acme.one() to ${globex.role}`,
    found: ({ globex }) => `function acme.one() gives rights to ${globex.role}, whose schema is another`,
  },
  {
    check: 'neighbour-rights',
    what: 'two tenant roles in one schema',
    plant: ({ globex }) => `grant usage on schema acme to ${globex.role}`,
    found: ({ globex }) => `schema acme gives rights to ${globex.role}, whose schema is another`,
  },
  {
    check: 'neighbour-rights',
    what: 'a registry that a tenant may read',
    plant: ({ acme }) => `grant select on public.domains to ${acme.role}`,
    found: ({ acme }) => `table public.domains gives rights to ${acme.role}, whose schema is another`,
  },
  {
    check: 'neighbour-rights',
    what: 'a door that a tenant may call',
    plant: ({ acme }) => `grant execute on function tenancy.resolve_host(text) to ${acme.role}`,
    found: ({ acme }) =>
      `function tenancy.resolve_host(pg_catalog.text) gives rights to ${acme.role}, whose schema is another`,
  },
  {
    check: 'neighbour-rights',
    what: 'a tenant that may change its role',
    plant: ({ acme }) =>
      `grant execute on function pg_catalog.set_config(text, text, boolean) to ${acme.role}`,
    found: ({ acme }) => new RegExp(`^function pg_catalog\\.set_config\\(.*\\) gives rights to ${acme.role}`),
  },
  {
    check: 'neighbour-rights',
    what: 'a tenant that may write functions',
    plant: ({ acme }) => `grant usage on language plpgsql to ${acme.role}`,
    found: ({ acme }) => `language plpgsql gives rights to ${acme.role}, whose schema is another`,
  },
  ...['truncate', 'references', 'trigger'].map(
    (privilege): Offender => ({
      check: 'neighbour-rights',
      what: `${privilege} on a table of its own`,
      plant: ({ acme }) => `grant ${privilege} on acme.projects to ${acme.role}`,
      found: ({ acme }) =>
        `table acme.projects gives ${acme.role} ${privilege.toUpperCase()}, which no policy is asked about, or may be handed on`,
    }),
  ),
  {
    check: 'neighbour-rights',
    what: 'a right that a tenant may hand on',
    plant: ({ acme }) => `grant select on acme.projects to ${acme.role} with grant option`,
    found: ({ acme }) =>
      `table acme.projects gives ${acme.role} SELECT, which no policy is asked about, or may be handed on`,
  },
  {
    check: 'neighbour-rights',
    what: 'a tenant that may make tables',
    plant: ({ acme }) => `grant create on schema acme to ${acme.role}`,
    found: ({ acme }) =>
      `schema acme gives ${acme.role} CREATE, which no policy is asked about, or may be handed on`,
  },
  {
    check: 'neighbour-rights',
    what: 'a tenant that owns a table',
    plant: ({ acme }) => `alter table acme.projects owner to ${acme.role}`,
    found: ({ acme }) => `table acme.projects is owned by the tenant role ${acme.role}`,
  },
  {
    check: 'neighbour-rights',
    what: "a tenant schema that is not tenant_owner's",
    plant: () => 'alter schema acme owner to postgres',
    found: ({ acme }) => `schema acme gives rights to ${acme.role}, whose schema is another`,
    mendedElsewhere: true,
  },
  ...(
    [
      ['login', 'can log in'],
      ['superuser', 'is a superuser'],
      ['bypassrls', 'walks past row-level security'],
      ['createrole', 'may create roles'],
    ] as const
  ).map(
    ([attribute, fault]): Offender => ({
      check: 'neighbour-rights',
      what: `a tenant role with ${attribute}`,
      plant: ({ acme }) => `alter role ${acme.role} ${attribute}`,
      found: ({ acme }) => `role ${acme.role} ${fault}`,
    }),
  ),
  {
    check: 'neighbour-rights',
    what: 'a tenant that is a member of its neighbour',
    plant: ({ acme, globex }) => `grant ${acme.role} to ${globex.role}`,
    found: ({ acme, globex }) => `role ${globex.role} is a member of ${acme.role}`,
  },
  {
    check: 'owner-roles',
    what: 'an owner that can log in',
    plant: () => 'alter role tenancy_owner login',
    found: () => 'role tenancy_owner can log in',
    shared: true,
  },
  {
    check: 'owner-roles',
    what: 'an owner that walks past row-level security',
    plant: () => 'alter role tenant_owner bypassrls',
    found: () => 'role tenant_owner walks past row-level security',
    shared: true,
  },
  {
    check: 'owner-roles',
    what: 'an owner that is a member of the other',
    plant: () => 'grant tenancy_owner to tenant_owner',
    found: () => 'role tenant_owner is a member of tenancy_owner',
    shared: true,
  },
  {
    check: 'leaky-views',
    what: 'a view with the rights of its owner',
    plant: () => `
      create view acme.v as select id from acme.projects;
      create view acme.fine with (security_invoker = on) as select id from acme.projects`,
    found: () => 'view acme.v runs with the rights of its owner',
  },
  {
    check: 'leaky-views',
    what: 'a view that says no to security_invoker',
    plant: () => 'create view acme.v with (security_invoker = off) as select id from acme.projects',
    found: () => 'view acme.v runs with the rights of its owner',
  },
  {
    check: 'leaky-views',
    what: 'a materialized view',
    plant: () => 'create materialized view acme.m as select id from acme.projects',
    found: () => 'materialized view acme.m keeps rows that no policy protects',
  },
  {
    check: 'leaky-views',
    what: 'a foreign table',
    plant: () => `
      create foreign data wrapper nowhere;
      create server nowhere foreign data wrapper nowhere;
      create foreign table acme.f (id bigint) server nowhere`,
    found: () => 'foreign table acme.f reads rows that no policy protects',
  },
  {
    check: 'security-definer-functions',
    what: 'a definer function of a tenant',
    plant: () => `
      create function acme.mine() returns bigint language sql security definer
      as 'select count(*) from globex.projects'`,
    found: () => 'function acme.mine() runs with the rights of postgres, outside schema tenancy',
  },
  {
    check: 'security-definer-functions',
    what: 'a definer function in public',
    plant: () => `create procedure public.mine() language sql security definer as 'select 1'`,
    found: () => 'function public.mine() runs with the rights of postgres, outside schema tenancy',
  },
  {
    check: 'security-definer-functions',
    what: 'a door on the path of its caller',
    plant: () => 'alter function tenancy.resolve_host(text) reset search_path',
    found: () =>
      'function tenancy.resolve_host(text) runs with the rights of its owner on the path of its caller',
  },
  {
    check: 'security-definer-functions',
    what: 'a door whose path begins with pg_temp, unsaid',
    plant: () => 'alter function tenancy.resolve_host(text) set search_path = pg_catalog',
    found: () =>
      'function tenancy.resolve_host(text) runs with the rights of its owner on the path of its caller',
  },
  {
    check: 'security-definer-functions',
    what: 'a door of a superuser',
    plant: () => 'alter function tenancy.resolve_host(text) owner to postgres',
    found: () =>
      'function tenancy.resolve_host(text) runs with the rights of postgres and not of tenancy_owner',
  },
  {
    check: 'guard-parameter',
    what: 'a login that may say who is inside',
    plant: ({ service }) => `grant set on parameter backtrace_functions to ${service}`,
    found: ({ service }) => `parameter backtrace_functions SET may be used by ${service}`,
    shared: true,
  },
  {
    check: 'guard-parameter',
    what: 'everyone may say who is inside',
    plant: () => 'grant set on parameter backtrace_functions to public',
    found: () => 'parameter backtrace_functions SET may be used by PUBLIC',
    shared: true,
  },
  {
    check: 'guard-parameter',
    what: 'an owner that may set it for everybody',
    plant: () => 'grant alter system on parameter backtrace_functions to tenancy_owner',
    found: () => 'parameter backtrace_functions ALTER SYSTEM may be used by tenancy_owner',
    shared: true,
  },
  {
    check: 'prepared-transactions',
    what: 'two-phase commit',
    // The server would have to start anew: another answer to the same question.
    plant: () => `
      create function public.current_setting(text) returns text language sql return '10';
      set local search_path = public, pg_catalog`,
    found: () => 'parameter max_prepared_transactions is 10, and must be 0',
    mendedElsewhere: true,
  },
  {
    check: 'role-settings',
    what: 'a login that begins in a role',
    plant: ({ service, acme }) => `alter role ${service} set role = '${acme.role}'`,
    found: ({ service, acme }) => `role ${service} begins every session with role=${acme.role}`,
  },
  {
    check: 'role-settings',
    what: 'a login that begins read-only in this database',
    plant: (world) =>
      `alter role ${world.service} in database ${databaseOf(world)} set default_transaction_read_only = on`,
    found: ({ service }) => `role ${service} begins every session with default_transaction_read_only=on`,
  },
  {
    check: 'role-settings',
    what: 'a tenant role with a setting',
    plant: ({ acme }) => `alter role ${acme.role} set work_mem = '1GB'`,
    found: ({ acme }) => `role ${acme.role} begins every session with work_mem=1GB`,
  },
  {
    check: 'role-settings',
    what: 'an owner with a setting',
    plant: () => 'alter role tenancy_owner set search_path = public',
    found: () => 'role tenancy_owner begins every session with search_path=public',
    shared: true,
  },
  {
    check: 'role-settings',
    what: 'a database with a path',
    plant: (world) => `alter database ${databaseOf(world)} set search_path = globex`,
    found: (world) => `database ${databaseOf(world)} begins every session with search_path=globex`,
  },
  {
    check: 'role-settings',
    what: 'a path for all roles',
    plant: () => 'alter role all set search_path = globex',
    found: () => 'role all begins every session with search_path=globex',
    shared: true,
  },
  ...(
    [
      [
        'execute on function pg_catalog.set_config(text, text, boolean)',
        'function pg_catalog.set_config(text, text, boolean) may be called by PUBLIC',
      ],
      [
        'execute on function pg_catalog.pg_sleep(double precision)',
        'function pg_catalog.pg_sleep(double precision) may be called by PUBLIC',
      ],
      [
        'execute on function pg_catalog.pg_advisory_lock(bigint)',
        'function pg_catalog.pg_advisory_lock(bigint) may be called by PUBLIC',
      ],
      ['usage on language plpgsql', 'language plpgsql may be written in by PUBLIC'],
      ['select on pg_catalog.pg_stat_activity', 'view pg_catalog.pg_stat_activity may be read by PUBLIC'],
      ['usage on schema public', 'schema public gives USAGE to PUBLIC'],
      ['create on schema public', 'schema public gives CREATE to PUBLIC'],
    ] as const
  ).map(
    ([right, found]): Offender => ({
      check: 'unhardened',
      what: right,
      plant: () => `grant ${right} to public`,
      found: () => found,
    }),
  ),
  ...['connect', 'temporary', 'create'].map(
    (right): Offender => ({
      check: 'unhardened',
      what: `${right} on the database`,
      plant: (world) => `grant ${right} on database ${databaseOf(world)} to public`,
      found: (world) => `database ${databaseOf(world)} gives ${right.toUpperCase()} to PUBLIC`,
    }),
  ),
  ...(
    [
      [
        'execute on function tenancy.mac(text, text, text) to public',
        'function tenancy.mac(text, text, text) gives EXECUTE to PUBLIC',
      ],
      [
        'execute on function tenancy.enter(uuid, bigint, text) to public',
        'function tenancy.enter(uuid, bigint, text) gives EXECUTE to PUBLIC',
      ],
      [
        'execute on function tenancy.enter_owner(text) to public',
        'function tenancy.enter_owner(text) gives EXECUTE to PUBLIC',
      ],
      [
        'execute on function tenancy.carry(text) to tenant_owner',
        'function tenancy.carry(text) gives EXECUTE to tenant_owner',
      ],
      ['select on tenancy.keys to tenant_owner', 'table tenancy.keys gives SELECT to tenant_owner'],
      [
        'select (inner_pad) on tenancy.keys to tenant_owner',
        'table tenancy.keys gives SELECT to tenant_owner',
      ],
      ['create on schema tenancy to tenant_owner', 'schema tenancy gives CREATE to tenant_owner'],
    ] as const
  ).map(
    ([right, found]): Offender => ({
      check: 'tenancy-rights',
      what: right,
      plant: () => `grant ${right}`,
      found: () => found,
    }),
  ),
  {
    check: 'tenancy-rights',
    what: 'a login that may enter as owner',
    plant: ({ service }) => `grant execute on function tenancy.enter_owner(text) to ${service}`,
    found: ({ service }) => `function tenancy.enter_owner(text) gives EXECUTE to ${service}`,
  },
  {
    check: 'tenancy-rights',
    what: 'a new function that nobody has locked',
    plant: () => 'create function tenancy.fresh() returns integer language sql return 1',
    found: () => 'function tenancy.fresh() gives EXECUTE to PUBLIC',
  },
  {
    check: 'extensions',
    what: 'dblink',
    plant: () => 'create extension dblink',
    found: () => 'extension dblink opens a way around the walls',
  },
  {
    check: 'extensions',
    what: 'postgres_fdw',
    plant: () => 'create extension postgres_fdw',
    found: () => 'extension postgres_fdw opens a way around the walls',
  },
  {
    check: 'extensions',
    what: 'a language that is not trusted',
    plant: () => 'create language wild handler plpgsql_call_handler',
    found: () => "language wild is not trusted: its functions do whatever the server's user may",
  },
  {
    check: 'unindexed-foreign-keys',
    severity: 'advice',
    what: 'a foreign key without an index',
    plant: () =>
      'alter table acme.projects add column maker bigint constraint projects__maker references acme.users',
    found: () => 'table acme.projects has a foreign key, projects__maker, without an index',
  },
  {
    check: 'missing-primary-keys',
    severity: 'advice',
    what: 'a table without a primary key',
    plant: () => `create table acme."No key" (name text); alter table acme."No key" owner to tenant_owner`,
    found: () => 'table acme."No key" has no primary key',
  },
  {
    check: 'extensions-in-public',
    severity: 'advice',
    what: 'an extension in public',
    plant: () => 'create extension citext schema public',
    found: () => 'extension citext lies in schema public',
  },
  {
    check: 'logged-parameters',
    severity: 'advice',
    what: 'values in the log',
    plant: () => 'set local log_parameter_max_length_on_error = 100',
    found: () =>
      'parameter log_parameter_max_length_on_error is 100B: values of failed statements are logged',
    mendedElsewhere: true,
  },
  ...(
    [
      [150_013, '15.13', 'row-level security; 15.14 has not'],
      [160_009, '16.9', 'row-level security; 16.10 has not'],
      [170_005, '17.5', 'row-level security; 17.6 has not'],
      [150_017, '15.17', 'memory that any statement reaches; 15.18 has not'],
      [160_013, '16.13', 'memory that any statement reaches; 16.14 has not'],
      [170_009, '17.9', 'memory that any statement reaches; 17.10 has not'],
      [180_003, '18.3', 'memory that any statement reaches; 18.4 has not'],
      [150_019, '15.19', 'functions that any login may call; 15.20 has not'],
      [160_015, '16.15', 'functions that any login may call; 16.16 has not'],
      [170_011, '17.11', 'functions that any login may call; 17.12 has not'],
      [180_006, '18.6', 'functions that any login may call; 18.7 has not'],
    ] as const
  ).map(
    ([number, version, fault]): Offender => ({
      check: 'old-minors',
      severity: 'error',
      what: `PostgreSQL ${version} and its known vulnerabilities`,
      // Another version: another answer to the same question.
      plant: () => `
        create function public.current_setting(text) returns text language sql
        return case $1 when 'server_version' then '${version}' else '${number}' end;
        set local search_path = public, pg_catalog`,
      found: () => `server ${version} has known vulnerabilities in ${fault}`,
      mendedElsewhere: true,
    }),
  ),
  {
    check: 'temporary-files',
    severity: 'advice',
    what: 'a service that may fill the disk',
    plant: ({ service, ownerUrl }) =>
      `alter role ${service} in database ${new URL(ownerUrl).pathname.slice(1)} reset temp_file_limit`,
    found: ({ service }) => `role ${service} may fill the disk with temporary files`,
  },
  {
    check: 'temporary-files',
    severity: 'advice',
    what: 'a service whose limit was taken away',
    plant: ({ service, ownerUrl }) =>
      `alter role ${service} in database ${new URL(ownerUrl).pathname.slice(1)} set temp_file_limit = -1`,
    found: ({ service }) => `role ${service} may fill the disk with temporary files`,
  },
  {
    check: 'other-databases',
    severity: 'advice',
    what: 'a template that the service may connect to',
    plant: ({ service }) => `grant connect on database template1 to ${service}`,
    found: ({ service }) => `database template1 lets the service's login, ${service}, connect`,
    mendedElsewhere: true,
    shared: true,
  },
  {
    check: 'unfinished-moves',
    severity: 'advice',
    what: 'what a move left behind',
    plant: ({ acme }) =>
      `create publication koa_tenants_${acme.id.replaceAll('-', '')} for table acme.projects`,
    found: ({ acme }) =>
      `publication koa_tenants_${acme.id.replaceAll('-', '')} is of a move that runs, or was cut off and left a replication slot`,
    mendedElsewhere: true,
  },
  {
    check: 'table-rules',
    what: 'a rule of a table',
    plant: () =>
      'create rule "Takes" as on insert to acme.projects do also delete from globex.projects where id = new.id',
    found: () =>
      'rule "Takes" on acme.projects runs with the rights of who owns the table, and not of its caller',
  },
  {
    check: 'tenancy-rights',
    what: 'a table of keys that somebody else owns',
    plant: ({ service }) => `alter table tenancy.keys owner to ${service}`,
    found: ({ service }) => `table tenancy.keys belongs to ${service} and not to tenancy_owner`,
  },
  {
    check: 'rewritten-functions',
    what: 'a door that was rewritten',
    plant: () => 'alter function tenancy.enter(uuid, bigint, text) strict',
    found: () => 'function tenancy.enter(uuid, bigint, text) is another than that of this release',
    mendedElsewhere: true,
  },
  {
    check: 'rewritten-functions',
    what: 'a function that nobody shipped',
    plant: () => 'create procedure tenancy."Tidy"(integer) language sql begin atomic end',
    found: () =>
      'function tenancy."Tidy"(integer) stands in schema tenancy, and this release has none of that name and arguments',
  },
  {
    check: 'rewritten-functions',
    what: 'a function that somebody else could rewrite',
    plant: ({ service }) => `alter function tenancy.mac(text, text, text) owner to ${service}`,
    found: ({ service }) =>
      `function tenancy.mac(text, text, text) belongs to ${service} and not to tenancy_owner`,
  },
  {
    check: 'strange-members',
    severity: 'advice',
    what: 'somebody else who may become an owner',
    plant: (world) => `
      create role ${world.service}_friend login;
      grant connect on database ${databaseOf(world)} to ${world.service}_friend;
      grant tenancy_owner to ${world.service}_friend`,
    found: ({ service }) =>
      `role ${service}_friend may become tenancy_owner, as the migrating login and the service may`,
    shared: true,
  },
  {
    check: 'strange-members',
    severity: 'advice',
    what: 'a group whose members may become a tenant',
    plant: ({ service, acme }) => `
      create role ${service}_friends;
      grant ${acme.role} to ${service}_friends`,
    found: ({ service, acme }) =>
      `role ${service}_friends may become ${acme.role}, as the migrating login and the service may`,
  },
  {
    check: 'mutable-paths',
    severity: 'advice',
    what: 'a function of a tenant that looks up on the path of its caller',
    plant: () => `
      create function acme.count_all() returns bigint language sql as 'select 1::bigint';
      alter function acme.count_all() owner to tenant_owner`,
    found: () => 'function acme.count_all() looks names up on the path of its caller',
  },
  {
    check: 'mutable-paths',
    severity: 'advice',
    what: "a trigger function that another tenant's statements fire",
    plant: () => `
      create function acme.note_it() returns trigger language plpgsql as 'begin return null; end';
      alter function acme.note_it() owner to tenant_owner;
      create trigger notes after insert on globex.projects for each statement execute function acme.note_it()`,
    found: () => 'function acme.note_it() looks names up on the path of its caller',
  },
  {
    check: 'mutable-paths',
    severity: 'advice',
    what: 'a function that a rename has left pinned to the name before',
    plant: () => `
      create function acme.count_all() returns bigint language sql set search_path = acme, pg_temp
      as 'select count(*) from projects';
      alter function acme.count_all() owner to tenant_owner;
      alter schema acme rename to acme_again`,
    found: () =>
      'function acme_again.count_all() looks names up in another schema than its own: acme, pg_temp',
  },
  {
    check: 'mutable-paths',
    severity: 'advice',
    what: 'a procedure of tenancy that looks up on the path of its caller',
    plant: () => `create procedure tenancy.tidy(integer) language plpgsql as 'begin end'`,
    found: () => 'procedure tenancy.tidy(integer) looks names up on the path of its caller',
  },
];

for (const { check, severity = 'fault', what, plant, found, mendedElsewhere, shared } of OFFENDERS) {
  test.serial(`${check} names ${what}, and what mends it`, async (t) => {
    const search = () =>
      undone(guarded, async (client) => {
        await client.query(plant(guarded));
        const findings = await runCheck(queryOf(client), { check, severity, service: guarded.service });
        const wanted = found(guarded);
        const named = findings.filter(({ object, fault }) =>
          typeof wanted === 'string' ? `${object} ${fault}` === wanted : wanted.test(`${object} ${fault}`),
        );
        t.is(named.length, 1, `found: ${describe(findings).join(' | ')}`);
        if (!mendedElsewhere) {
          // Each remedy as it stands; several findings may have the same.
          for (const remedy of new Set(findings.map((finding) => finding.remedy))) {
            await t.notThrowsAsync(client.query(`${remedy}; reset role`), remedy);
          }
          t.deepEqual(
            describe(await runCheck(queryOf(client), { check, severity, service: guarded.service })),
            [],
          );
        }
      });
    await (shared ? alone(search) : search());
  });
}

test('every check has an offender that it names', async (t) => {
  const names = [...(await checkNames()), ...(await checkNames('error')), ...(await checkNames('advice'))];
  t.deepEqual([...new Set(OFFENDERS.map(({ check }) => check))].sort(), names.sort());
});

test('nothing is advised after a migration', async (t) => {
  await connected(guarded.ownerUrl, async (client) => {
    const findings = await runChecks(queryOf(client), { service: guarded.service, severity: 'advice' });
    // Other databases are not the installer's to close, template1 is.
    const own = findings.filter(({ check }) => check !== 'other-databases');
    t.deepEqual(describe(own), []);
    t.false(findings.some(({ object }) => object === 'database template1'));
  });
});

test('a schema of nobody, and a tenant without a schema, are named', async (t) => {
  await undone(guarded, async (client) => {
    t.deepEqual(await checkSchemas(client), []);
    await client.query(
      `create schema orphan authorization tenant_owner; alter schema globex rename to moved`,
    );
    t.deepEqual(describe(await checkSchemas(client)), [
      'tenant-schemas: schema moved belongs to no tenant',
      'tenant-schemas: schema orphan belongs to no tenant',
      'tenant-schemas: tenant globex has no schema',
    ]);
  });
});

test('a login that inherits a tenant is named where the membership says so (PostgreSQL 16)', async (t) => {
  await undone(guarded, async (client) => {
    const { service, acme, version } = guarded;
    if (version < 160_000) {
      t.deepEqual(await runCheck(queryOf(client), { check: 'service-memberships', service }), []);
      return;
    }
    await client.query(`grant ${acme.role} to ${service} with inherit true`);
    const [found] = await runCheck(queryOf(client), { check: 'service-memberships', service });
    t.is(found?.object, `role ${acme.role}`);
    t.is(found?.remedy, `grant ${acme.role} to ${service} with inherit false`);
  });
});

test('MAINTAIN on a table of its own is named (PostgreSQL 17)', async (t) => {
  await undone(guarded, async (client) => {
    const { service, acme, version } = guarded;
    if (version < 170_000) {
      t.deepEqual(await runCheck(queryOf(client), { check: 'neighbour-rights', service }), []);
      return;
    }
    await client.query(`grant maintain on acme.projects to ${acme.role}`);
    const [found] = await runCheck(queryOf(client), { check: 'neighbour-rights', service });
    t.is(found?.remedy, `revoke maintain on table acme.projects from ${acme.role}`);
  });
});

test('a session that begins inside a tenant is named', async (t) => {
  const url = new URL(guarded.ownerUrl);
  url.searchParams.set('options', `-c backtrace_functions=${guarded.acme.role}`);
  await connected(url.href, async (client) => {
    const findings = await runCheck(queryOf(client), { check: 'guard-parameter', service: guarded.service });
    t.deepEqual(describe(findings), [
      `guard-parameter: parameter backtrace_functions is set to '${guarded.acme.role}' before anybody has entered a tenant`,
    ]);
  });
});

test('a policy in the Citus dialect, without a sub-select, is as good', async (t) => {
  await undone(guarded, async (client) => {
    const { service, acme } = guarded;
    await client.query(`drop policy same_tenant on acme.projects;
      create policy same_tenant on acme.projects using (tenancy.current_tenant() = '${acme.role}')`);
    t.deepEqual(await runCheck(queryOf(client), { check: 'unprotected-relations', service }), []);
  });
});

test('the policies are recognised on whatever path they are read', async (t) => {
  await undone(guarded, async (client) => {
    for (const path of ['tenancy', 'acme, globex, tenancy', 'pg_temp']) {
      await client.query(`set local search_path = ${path}`);
      const findings = await runCheck(queryOf(client), {
        check: 'unprotected-relations',
        service: guarded.service,
      });
      t.deepEqual(describe(findings), [], path);
    }
  });
});

test('unhardened finds all that hardening.sql takes away, and nothing else', async (t) => {
  await undone(guarded, async (client) => {
    const { service } = guarded;
    const rights = async (): Promise<string[]> => {
      const { rows } = await client.query<{ object: string }>(`
        select format('function pg_catalog.%I(%s)', p.proname, oidvectortypes(p.proargtypes)) as object
        from pg_proc as p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as a
        where a.grantee = 0 and p.pronamespace = 'pg_catalog'::regnamespace
        union all
        select format('view pg_catalog.%I', c.relname)
        from pg_class as c, aclexplode(c.relacl) as a
        where a.grantee = 0 and c.relnamespace = 'pg_catalog'::regnamespace and a.privilege_type = 'SELECT'
        union all
        select format('language %I', l.lanname)
        from pg_language as l, aclexplode(coalesce(l.lanacl, acldefault('l', l.lanowner))) as a
        where a.grantee = 0 and l.lanpltrusted
        union all
        select 'schema public'
        from pg_namespace as n, aclexplode(n.nspacl) as a
        where a.grantee = 0 and n.nspname = 'public'`);
      return rows.map(({ object }) => object);
    };
    await client.query(`
      grant execute on all functions in schema pg_catalog to public;
      grant select on all tables in schema pg_catalog to public;
      grant usage on language sql, plpgsql to public;
      grant usage on schema public to public`);
    const before = await rights();
    const found = await runCheck(queryOf(client), { check: 'unhardened', service });
    await client.query(await readSqlFile('shared/hardening.sql', { service }));
    const after = new Set(await rights());
    t.deepEqual(
      found.map(({ object }) => object).sort(),
      before.filter((object) => !after.has(object)).sort(),
    );
    t.true(found.length > 80);
    t.deepEqual(await runCheck(queryOf(client), { check: 'unhardened', service }), []);
  });
});

const refusal = async (
  world: World,
  plant: string,
  { fingerprint, allowUnhardened = false }: { fingerprint?: string; allowUnhardened?: boolean } = {},
): Promise<string> =>
  undone(world, async (client) => {
    await client.query(plant);
    try {
      await assertPreconditions({
        query: queryOf(client),
        service: world.service,
        fingerprint: fingerprint ?? (await sharedFingerprint()),
        allowUnhardened,
      });
    } catch (error) {
      if (error instanceof DomainError && error.code === 'precondition_failed') {
        return error.message;
      }
      throw error;
    }
    return 'it was let through';
  });

test('a start is refused with the object and the command that mends it', async (t) => {
  t.is(
    await refusal(guarded, 'alter table acme.projects disable row level security'),
    [
      'The database is not safe to serve from:',
      `  table acme.projects has no row-level security. Mend it: set role tenant_owner; select tenancy.protect_schema('acme')`,
    ].join('\n'),
  );
});

test('a start is refused with ten faults, and how many more there are', async (t) => {
  const tables = Array.from({ length: 12 }, (_, index) => `create view acme.v${index} as select 1;`);
  const message = await refusal(guarded, `set local role tenant_owner; ${tables.join('\n')} reset role`);
  t.is(message.split('\n').length, 12);
  t.regex(message, /\n {2}and 2 more$/);
});

test("a start is refused when the shared schema is another than the code's", async (t) => {
  t.regex(
    await refusal(guarded, 'select', { fingerprint: 'another' }),
    /^ {2}schema tenancy is at [0-9a-f]{16} and the code at another\. Mend it: make migrate/m,
  );
});

test('a start is refused where nothing is installed', async (t) => {
  await connected(await testServerUrl(), async (client) => {
    await t.throwsAsync(
      assertPreconditions({
        query: queryOf(client),
        service: 'app',
        fingerprint: 'any',
        allowUnhardened: false,
      }),
      { instanceOf: DomainError, code: 'precondition_failed', message: /not installed.*make migrate/ },
    );
  });
});

test('a start is refused to a login that the database is not installed for', async (t) => {
  t.regex(
    await refusal(guarded, `set local role ${guarded.acme.role}`),
    /may not call tenancy\.version\(\).*make migrate/,
  );
});

test('where there is nobody to harden, its absence is a warning, and nothing else is', async (t) => {
  const unhardened = 'grant execute on function pg_catalog.set_config(text, text, boolean) to public';
  t.regex(
    await refusal(guarded, unhardened),
    /function pg_catalog\.set_config\(text, text, boolean\) may be called by PUBLIC/,
  );
  await undone(guarded, async (client) => {
    await client.query(unhardened);
    const { warnings } = await assertPreconditions({
      query: queryOf(client),
      service: guarded.service,
      fingerprint: await sharedFingerprint(),
      allowUnhardened: true,
    });
    t.deepEqual(describe(warnings.filter(({ severity }) => severity !== 'error')), [
      'unhardened: function pg_catalog.set_config(text, text, boolean) may be called by PUBLIC',
    ]);
  });
  const both = `${unhardened}; alter role ${guarded.service} createdb`;
  const message = await refusal(guarded, both, { allowUnhardened: true });
  t.regex(message, /may create databases/);
  t.notRegex(message, /set_config/);
});

test('a superuser, or an owner of a database, as the service is not advised to change itself', async (t) => {
  const { user } = loginOf(guarded.ownerUrl);
  await undone(guarded, async (client) => {
    for (const [service, prepare] of [
      [user, 'select'],
      [
        guarded.service,
        `alter database ${pg.escapeIdentifier(client.database ?? '')} owner to ${guarded.service}`,
      ],
    ] as const) {
      await client.query(`${prepare}; alter role ${guarded.service} createdb`);
      const findings = await runCheck(queryOf(client), { check: 'service-privileges', service });
      t.true(findings.length > 0, service);
      for (const { remedy } of findings) {
        t.regex(remedy, /^set DATABASE_URL to a login of its own/);
      }
    }
  });
});
