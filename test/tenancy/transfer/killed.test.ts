import test from 'ava';
import { provisionOn } from '../../../src/tenancy/lifecycle/provision-on.ts';
import { parseDomainName, parseSchemaName } from '../../../src/tenancy/registry/tenant.ts';
import { type KillPoint, killAt } from '../../cli/kill-at.ts';
import { run } from '../../cli/run.ts';
import { PASSWORD, type TestService } from '../../helpers/server.ts';
import type { World } from '../../helpers/world.ts';
import { createOn } from './create-on.ts';
import { interrupt, type Moment } from './interrupt.ts';
import type { Premium } from './premium.ts';
import { traces } from './traces.ts';
import { openTwoDatabases, type TwoDatabases } from './two-databases.ts';

let both: TwoDatabases;
let world: World;
let premium: Premium;
let service: TestService;
let tenants: TwoDatabases['tenants'];
test.serial.before(async () => {
  both = await openTwoDatabases();
  ({ world, premium, service, tenants } = both);
});
test.after.always(() => both?.close());

const create = (schema: string) => createOn(world, premium.database, schema);

const COMMIT = /commit\0/;

const everything = async (): Promise<unknown> => [await traces(world), await traces(premium)];

const creating = (schema: string, database: string): readonly string[] => [
  ...['create-tenant', '--schema', schema, '--name', schema, '--domain', `${schema}.localhost`],
  ...['--superuser', 'root', '--database', database],
];

const MAKING = /insert into public\.tenants/;

test.serial(
  'creates nothing when it is killed before its commit, and everything when it is repeated',
  async (t) => {
    const before = await everything();
    const moments: readonly KillPoint[] = [
      { statement: MAKING },
      { statement: /create role/ },
      { statement: /create table/ },
      { statement: /tenancy\.protect_schema/ },
      { statement: /insert into users/ },
      { statement: COMMIT, after: MAKING },
    ];
    for (const moment of moments) {
      await interrupt(
        t,
        both,
        creating('born', 'main'),
        { on: 'main', ...moment },
        { input: `${PASSWORD}\n` },
      );
      t.deepEqual(await everything(), before, String(moment.statement));
    }
    const again = await run('served-cli.ts', creating('born', 'main'), premium.env, `${PASSWORD}\n`);
    t.is(again.code, 0, again.err);
    t.truthy(await service.logIn('born.localhost', 'root', PASSWORD));
  },
);

test.serial('has created everything when it is killed after its commit was confirmed', async (t) => {
  await interrupt(
    t,
    both,
    creating('acknowledged', 'main'),
    { on: 'main', statement: COMMIT, after: MAKING, delivered: true },
    { input: `${PASSWORD}\n`, how: killAt },
  );
  t.truthy(await service.logIn('acknowledged.localhost', 'root', PASSWORD));
  const again = await run('served-cli.ts', creating('acknowledged', 'main'), premium.env, `${PASSWORD}\n`);
  t.is(again.code, 1);
  t.regex(again.err, /A tenant with the schema "acknowledged" already exists/);
});

test.serial(
  'creates no tenant on a further database when it is killed, and one when it is repeated',
  async (t) => {
    const before = await traces(world);
    const moments: readonly Moment[] = [
      { on: 'main', statement: MAKING },
      { on: 'premium', statement: /create role/ },
      { on: 'premium', statement: /insert into users/ },
      { on: 'premium', statement: COMMIT, after: /insert into users/ },
      // main does not know the remaining row there. The next run replaces it.
      { on: 'premium', statement: COMMIT, after: /insert into users/, delivered: true },
      { on: 'main', statement: COMMIT, after: /set migrated_to/ },
    ];
    for (const moment of moments) {
      await interrupt(t, both, creating('far', 'premium'), moment, { input: `${PASSWORD}\n` });
      t.deepEqual(await traces(world), before, String(moment.statement));
      t.is((await service.request('far.localhost', 'GET', '/api/notes/')).status, 404);
    }
    const [leftBehind] = await premium.asOwner<{ role: string }>(
      `select role_name as role from public.tenants where schema_name = 'far'`,
    );
    t.truthy(leftBehind, 'the one whose commit was received there');
    const again = await run('served-cli.ts', creating('far', 'premium'), premium.env, `${PASSWORD}\n`);
    t.is(again.code, 0, again.err);
    t.truthy(await service.logIn('far.localhost', 'root', PASSWORD));
    t.deepEqual(
      await premium.asOwner('select rolname from pg_roles where rolname = $1', [leftBehind?.role]),
      [],
    );
    t.deepEqual(
      await premium.asOwner('select to_regclass($1) as history', [`tenancy_migrations.${leftBehind?.role}`]),
      [{ history: null }],
    );
  },
);

/** Describes what both databases contain of a tenant. */
async function remains(schema: string, role: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const [name, side] of Object.entries({ main: world, premium })) {
    const rows = await side.asOwner<{ what: string }>(
      `select 'row' as what from public.tenants where schema_name = $1
       union all select 'domain' from public.domains where domain = replace($1, '_', '-') || '.localhost'
       union all select 'schema' from pg_namespace where nspname = $1
       union all select 'ledger' from pg_class where relnamespace = 'tenancy_migrations'::regnamespace and relname = $2
       union all select 'role' from pg_roles where rolname = $2`,
      [schema, role],
    );
    found.push(...rows.map(({ what }) => `${what} on ${name}`));
  }
  return found;
}

const STATUS = /update public\.tenants set status/;

for (const home of ['main', 'premium'] as const) {
  const moments: ReadonlyArray<Moment & { status: string | undefined }> = [
    { on: 'main', statement: COMMIT, after: STATUS, status: 'active' },
    { on: 'main', statement: COMMIT, after: STATUS, delivered: true, status: 'deleted' },
    { on: 'main', statement: /set purge_started_at/, status: 'deleted' },
    { on: home, statement: /drop table if exists/, status: 'deleted' },
    { on: home, statement: COMMIT, after: /drop table if exists/, delivered: true, status: 'deleted' },
    { on: home, statement: /drop schema/, status: 'deleted' },
    { on: home, statement: /drop role/, status: 'deleted' },
    { on: home, statement: COMMIT, after: /drop role/, status: 'deleted' },
    // On main the purge is complete. On other databases main's row remains, and a repetition deletes it.
    {
      on: home,
      statement: COMMIT,
      after: /drop role/,
      delivered: true,
      status: home === 'main' ? undefined : 'deleted',
    },
    ...(home === 'main'
      ? []
      : [{ on: 'main', statement: /delete from public\.tenants/, status: 'deleted' } as const]),
  ];
  test.serial(`finishes a purge of a tenant on ${home} that was killed repeatedly`, async (t) => {
    const schema = `gone_${home}`;
    const id = await createOn(world, home === 'main' ? premium.main : premium.database, schema);
    const purging = ['delete-tenant', '--schema', schema, '--purge', '--yes'];
    for (const { status, ...moment } of moments) {
      await interrupt(t, both, purging, moment);
      const [row] = await world.asOwner('select status from public.tenants where schema_name = $1', [schema]);
      t.is(row?.status, status, String(moment.statement));
    }
    const last = await run('served-cli.ts', purging, premium.env);
    t.is(last.code, home === 'main' ? 1 : 0, last.err);
    t.deepEqual(await remains(schema, `t_${id.replaceAll('-', '')}`), []);
  });
}

test.serial('replaces an interrupted creation with the next attempt', async (t) => {
  await create('halfway');
  // As if the process was killed between the two commits.
  await world.asOwner(`delete from public.tenants where schema_name = 'halfway'`);
  await premium.asOwner(`insert into halfway.notes (name) values ('left over')`);
  const id = await create('halfway');
  t.deepEqual(await premium.asOwner('select from halfway.notes'), []);
  t.deepEqual(await premium.asOwner(`select id from public.tenants where schema_name = 'halfway'`), [{ id }]);
});

test.serial('accepts a host that leftovers of another tenant still have', async (t) => {
  await create('ghost');
  await world.asOwner(`delete from public.tenants where schema_name = 'ghost'`);
  const id = await provisionOn(
    world.owner,
    { ...premium.database, project: world.fleet.project },
    {
      schema: parseSchemaName('ghost_2'),
      name: 'Ghost',
      domains: [parseDomainName('ghost.localhost')],
    },
  );
  t.deepEqual(
    await premium.asOwner(`select tenant_id from public.domains where domain = 'ghost.localhost'`),
    [{ tenant_id: id }],
  );
  t.is((await tenants('list-tenants')).code, 0);
});
