import test from 'ava';

import { runChecks } from '../../src/db/checks.ts';
import { dropTemplates } from '../helpers/drop-templates.ts';
import { testServerUrl } from '../helpers/postgres.ts';
import { openWorld, type World } from '../helpers/world.ts';
import { raw } from '../isolation/attack.ts';
import { attackedProject } from '../isolation/attacked-project.ts';

/** Everything that an installation creates, a line for each object. */
const CONTENT = `
  select concat_ws(' ', 'class', c.oid::regclass, c.relkind, c.relowner::regrole, c.relacl, c.reloptions, c.relrowsecurity, c.relforcerowsecurity)
  from pg_class as c
  where c.relnamespace not in ('pg_toast'::regnamespace, 'information_schema'::regnamespace)
  union all
  select concat_ws(' ', 'column', a.attrelid::regclass, a.attname, a.atttypid::regtype, a.attnotnull, a.attacl, pg_get_expr(d.adbin, d.adrelid))
  from pg_attribute as a
  join pg_class as c on c.oid = a.attrelid
  left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
  where c.relnamespace not in ('pg_toast'::regnamespace, 'pg_catalog'::regnamespace, 'information_schema'::regnamespace)
  union all
  select concat_ws(' ', 'function', f.oid::regprocedure, f.proowner::regrole, f.proacl, f.proconfig, f.prosecdef, md5(f.prosrc))
  from pg_proc as f
  union all
  select concat_ws(' ', 'schema', n.nspname, n.nspowner::regrole, n.nspacl)
  from pg_namespace as n
  where n.nspname !~ '^pg_temp_|^pg_toast_temp_'
  union all
  select concat_ws(' ', 'language', l.lanname, l.lanacl)
  from pg_language as l
  union all
  select concat_ws(' ', 'extension', e.extname, e.extnamespace::regnamespace)
  from pg_extension as e
  union all
  select concat_ws(' ', 'policy', p.polname, p.polrelid::regclass, p.polcmd, p.polpermissive, p.polroles, pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
  from pg_policy as p
  union all
  select concat_ws(' ', 'constraint', c.conname, c.conrelid::regclass, pg_get_constraintdef(c.oid), c.convalidated)
  from pg_constraint as c
  where c.connamespace <> 'information_schema'::regnamespace
  union all
  select concat_ws(' ', 'trigger', t.tgrelid::regclass, t.tgenabled, pg_get_triggerdef(t.oid))
  from pg_trigger as t
  where not t.tgisinternal
  union all
  select concat_ws(' ', 'default', a.defaclrole::regrole, a.defaclnamespace, a.defaclobjtype, a.defaclacl)
  from pg_default_acl as a
  union all
  select concat_ws(' ', 'comment', (pg_identify_object(d.classoid, d.objoid, d.objsubid)).identity, d.description)
  from pg_description as d
  join pg_class as c on c.oid = d.objoid and c.relnamespace <> 'pg_catalog'::regnamespace
  union all
  select concat_ws(' ', 'dependency', (pg_identify_object(d.classid, d.objid, d.objsubid)).identity, d.deptype, d.refobjid::regrole)
  from pg_shdepend as d
  where d.dbid = (select b.oid from pg_database as b where b.datname = current_database())
    and d.refclassid = 'pg_authid'::regclass
  union all
  select concat_ws(' ', 'database', b.datdba::regrole, b.datacl, b.datistemplate, b.datallowconn, b.datconnlimit, b.encoding, b.datcollate)
  from pg_database as b
  where b.datname = current_database()
  union all
  select concat_ws(' ', 'setting', s.setrole::regrole, s.setconfig)
  from pg_db_role_setting as s
  where s.setdatabase in (0, (select b.oid from pg_database as b where b.datname = current_database()))
    and (s.setrole = 0 or s.setrole = $1::regrole)
  union all
  select concat_ws(' ', 'role', to_jsonb(r) - 'oid')
  from pg_roles as r
  where r.oid = $1::regrole
    or r.rolname in (select t.role_name from public.tenants as t)
  union all
  select concat_ws(' ', 'member', to_jsonb(m) - 'oid' - 'roleid' - 'member', m.roleid::regrole, m.member::regrole)
  from pg_auth_members as m
  where $1::regrole in (m.roleid, m.member)
    or m.roleid::regrole::text in (select t.role_name from public.tenants as t)`;

/** The rows of the registry, and the histories. Without times and random values. */
const ROWS = `
  select concat_ws(' ', 'tenant', to_jsonb(t) - 'created_at') from public.tenants as t
  union all
  select concat_ws(' ', 'domain', to_jsonb(d) - 'created_at' - 'verification_token') from public.domains as d
  union all
  select concat_ws(' ', 'installation', to_jsonb(i) - 'installed_at') from tenancy.installation as i
  union all
  select concat_ws(' ', 'event', to_jsonb(a) - 'id' - 'at') from tenancy.audit_events as a
  union all
  select concat_ws(' ', 'due', to_jsonb(w) - 'marked_at' - 'due_at') from tenancy.due_work as w
  union all
  select concat_ws(' ', 'key', k.id, k.purpose, case when k.purpose = 'proof' then k.inner_pad end) from tenancy.keys as k
  union all
  select concat_ws(' ', 'digest', to_jsonb(d) - 'recorded_at') from tenancy_migrations.digests as d
  union all
  select concat_ws(' ', 'shared', s.name) from tenancy_migrations.shared as s
  union all
  select concat_ws(' ', 'ids', s.last_value, s.is_called) from tenancy_migrations.ids as s
  union all
  select concat_ws(' ', 'history', t.schema_name, query_to_xml(format('select h.id, h.name from tenancy_migrations.%I as h order by 1', t.role_name), true, true, ''))
  from public.tenants as t`;

/** Returns the content of a database, with names that a world does not share with others replaced. */
async function readContent(world: World): Promise<readonly string[]> {
  const tenants = await world.asOwner<{ id: string; role: string; schema: string }>(
    'select t.id, t.role_name as role, t.schema_name as schema from public.tenants as t',
  );
  const names = [
    ...tenants.flatMap(({ id, role, schema }) => [
      [id, `<id of ${schema}>`],
      [role, `<role of ${schema}>`],
    ]),
    [world.service, '<service>'],
    [new URL(world.ownerUrl).pathname.slice(1), '<database>'],
  ] as const;
  // Rights are listed in the order in which they were granted.
  const ordered = (line: string): string =>
    line.replaceAll(/\{[^{}]*=[^{}]*\/[^{}]*\}/g, (rights) => rights.slice(1, -1).split(',').sort().join());
  const lines = [
    ...(await world.asOwner<{ concat_ws: string }>(CONTENT, [world.service])),
    ...(await world.asOwner<{ concat_ws: string }>(ROWS)),
  ];
  return lines
    .map(({ concat_ws: line }) =>
      ordered(names.reduce((text, [name = '', label = '']) => text.replaceAll(name, label), line)),
    )
    .sort();
}

for (const contextMode of ['guarded', 'signed'] as const) {
  test(`${contextMode}: a copied world has the content of an installed one`, async (t) => {
    const options = { contextMode, project: attackedProject };
    const installed = await openWorld({ ...options, installs: true });
    t.teardown(installed.close);
    const copied = await openWorld(options);
    t.teardown(copied.close);
    t.not(copied.acme.id, installed.acme.id);
    const [expected, found] = [await readContent(installed), await readContent(copied)];
    t.true(expected.length > 4000);
    t.is(found.length, expected.length);
    const [wanted, has] = [new Set(expected), new Set(found)];
    t.deepEqual(
      found.filter((line) => !wanted.has(line)),
      [],
    );
    t.deepEqual(
      expected.filter((line) => !has.has(line)),
      [],
    );
    const query = async (text: string) => (await copied.pool.any(raw(text))) as Record<string, unknown>[];
    t.deepEqual(await runChecks(query, { service: copied.service }), []);
  });
}

test('copies of one template share no role, id, key or password', async (t) => {
  const worlds = [await openWorld(), await openWorld()];
  t.teardown(() => Promise.all(worlds.map((world) => world.close())));
  const values = await Promise.all(
    worlds.map(async (world) => [
      world.service,
      new URL(world.serviceUrl).password,
      ...(
        await world.asOwner<{ value: string }>(
          `select t.id::text as value from public.tenants as t
         union all
         select t.role_name from public.tenants as t
         union all
         select encode(k.inner_pad, 'hex') from tenancy.keys as k where k.purpose = 'context'
         union all
         select d.verification_token from public.domains as d`,
        )
      ).map(({ value }) => value),
    ]),
  );
  t.is(values[0]?.length, values[1]?.length);
  t.deepEqual(
    values[0]?.filter((value) => values[1]?.includes(value)),
    [],
  );
});

test('drops the template of an installation that failed', async (t) => {
  const world = await openWorld();
  t.teardown(world.close);
  const run = new URL(world.ownerUrl).pathname.slice(1);
  const name = `kt_template_${run}_failed`;
  await world.asOwner(`create database ${name}`);
  await dropTemplates(await testServerUrl(), run);
  t.deepEqual(await world.asOwner('select from pg_database where datname = $1', [name]), []);
});
