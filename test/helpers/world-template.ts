import { createHash } from 'node:crypto';
import pg from 'pg';

import { withAdminConnection } from '../../src/db/admin/admin-connection.ts';
import { readSqlFile } from '../../src/db/sql/sql-file.ts';
import { readFileDigests } from '../../src/tenancy/fleet/changed-files.ts';
import { membershipOptions } from '../../src/tenancy/install/membership.ts';
import { createServiceLogin, limitTemporaryFiles } from '../../src/tenancy/install/service-login.ts';
import { sharedFingerprint } from '../../src/tenancy/install/shared-files.ts';
import { loadTenantMigrations } from '../../src/tenancy/migrations/tenant-migrations.ts';
import { extensionsOf } from '../../src/tenancy/registry/project.ts';
import { alone, createTestDatabase, type TestDatabase, urlOf } from '../../src/testing/test-database.ts';
import type { World } from './world.ts';

type Fleet = World['fleet'];

/** Creates what the copies have, in the database of `ownerUrl`. */
type Build = (ownerUrl: string, fleet: Fleet) => Promise<unknown>;

/** Returns a digest of everything that determines the content of a new world. */
async function keyOf({ project, contextMode, siteDomains, database = 'main' }: Fleet): Promise<string> {
  const migrations = await loadTenantMigrations(project);
  const content = [
    import.meta.dirname,
    contextMode,
    siteDomains,
    database,
    await sharedFingerprint(),
    extensionsOf(project),
    project.apps.map(({ name, directory, on }) => [name, directory, on]),
    migrations.map(({ name }) => name),
    await readFileDigests(project, migrations),
  ];
  return createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, 12);
}

type Template = Readonly<{ name: string; service: string }>;

const templates = new Map<string, Promise<Template>>();

/** Returns the template of worlds like this one. Builds it if no process of the run has done so. */
async function findTemplate(server: string, run: string, fleet: Fleet, build: Build): Promise<Template> {
  const key = await keyOf(fleet);
  const found = templates.get(key) ?? createTemplate(server, `${run}_${key}`, fleet, build);
  templates.set(key, found);
  // The next world tries again.
  found.catch(() => templates.delete(key));
  return found;
}

async function createTemplate(server: string, suffix: string, fleet: Fleet, build: Build): Promise<Template> {
  const name = `kt_template_${suffix}`;
  const service = `app_${suffix}`;
  await alone(server, name, async (client) => {
    const { rows } = await client.query(
      'select from pg_catalog.pg_database as d where d.datname = $1 and d.datistemplate',
      [name],
    );
    if (rows.length === 0) {
      await client.query(`drop database if exists ${name}`);
      await client.query(`create database ${name}`);
      await build(urlOf(server, name), { ...fleet, service, servicePassword: null });
      await client.query(`alter database ${name} is_template true`);
    }
  });
  return { name, service };
}

/** A role of the template, and the one that the copy has instead. */
type Replaced = Readonly<{ from: string; to: string }>;

/** System catalogs with rights. Their rows that name a role are listed in `pg_shdepend`. */
const RIGHTS = [
  ['pg_class', 'relacl', 'oid'],
  ['pg_proc', 'proacl', 'oid'],
  ['pg_namespace', 'nspacl', 'oid'],
  ['pg_type', 'typacl', 'oid'],
  ['pg_language', 'lanacl', 'oid'],
  ['pg_default_acl', 'defaclacl', 'oid'],
  ['pg_attribute', 'attacl', 'attrelid'],
] as const;

/** Returns SQL that replaces roles in all rights of the database. */
function replaceRolesSql(replaced: readonly Replaced[]): string {
  const roles = `
    select o.oid as from, n.oid as to
    from jsonb_to_recordset(${pg.escapeLiteral(JSON.stringify(replaced))}) as r ("from" text, "to" text)
    join pg_catalog.pg_roles as o on o.rolname = r.from
    join pg_catalog.pg_roles as n on n.rolname = r.to`;
  const dependencies = (catalog: string): string => `
    select d.objid
    from pg_catalog.pg_shdepend as d
    join (${roles}) as r on r.from = d.refobjid
    where d.dbid = (select b.oid from pg_catalog.pg_database as b where b.datname = current_database())
      and d.refclassid = 'pg_catalog.pg_authid'::regclass
      and d.classid = 'pg_catalog.${catalog === 'pg_attribute' ? 'pg_class' : catalog}'::regclass`;
  const rights = RIGHTS.map(([catalog, column, id]) => {
    const text = replaced.reduce(
      (acl, { from, to }) => `replace(${acl}, '${from}=', '${to}=')`,
      `c.${column}::text`,
    );
    return `
      update pg_catalog.${catalog} as c
      set ${column} = (${text})::aclitem[]
      where c.${id} in (${dependencies(catalog)})
        and c.${column} is not null`;
  });
  return `${rights.join(';')};
    update pg_catalog.pg_shdepend as d
    set refobjid = r.to
    from (${roles}) as r
    where d.refobjid = r.from
      and d.refclassid = 'pg_catalog.pg_authid'::regclass
      and d.dbid = (select b.oid from pg_catalog.pg_database as b where b.datname = current_database())`;
}

/** Gives a tenant another id, and so another role. */
const replaceTenantSql = ({ from, to }: Replaced, oldId: string, newId: string): string => `
  do $policies$
  declare
    v_policy record;
    v_constraint name;
  begin
    for v_policy in
      select p.polname, p.polrelid::regclass as relation, pg_get_expr(p.polqual, p.polrelid) as qualification
      from pg_catalog.pg_policy as p
      where pg_get_expr(p.polqual, p.polrelid) like '%${from}%'
    loop
      execute format(
        'alter policy %I on %s using (%s)',
        v_policy.polname, v_policy.relation, replace(v_policy.qualification, '${from}', '${to}')
      );
    end loop;
    alter table tenancy_migrations.${from} rename to ${to};
    for v_constraint in
      select c.conname from pg_catalog.pg_constraint as c where c.conrelid = 'tenancy_migrations.${to}'::regclass
    loop
      execute format(
        'alter table tenancy_migrations.${to} rename constraint %I to %I',
        v_constraint, replace(v_constraint, '${from}', '${to}')
      );
    end loop;
  end
  $policies$;
  update public.tenants
  set id = '${newId}',
      created_at = clock_timestamp()
  where id = '${oldId}';
  update public.domains
  set tenant_id = '${newId}',
      verification_token = default,
      created_at = clock_timestamp()
  where tenant_id = '${oldId}';
  update tenancy.due_work
  set tenant_id = '${newId}'
  where tenant_id = '${oldId}';
  update tenancy.audit_events
  set tenant_id = '${newId}'
  where tenant_id = '${oldId}'`;

/**
 * Makes a copy independent of its template: with its own login, its own roles and ids of tenants, and its own key.
 * Roles belong to the server, so copies cannot share them.
 */
async function makeIndependent(
  client: pg.Client,
  { name, login }: Pick<TestDatabase, 'name' | 'login'>,
  template: Template,
): Promise<void> {
  await createServiceLogin(client, { service: login.user, servicePassword: login.password });
  const { rows: tenants } = await client.query<{ oldId: string; newId: string; from: string; to: string }>(
    `select t.id as "oldId", n.id as "newId", t.role_name as from, 't_' || replace(n.id::text, '-', '') as to
     from public.tenants as t
     cross join lateral (select gen_random_uuid() as id where t.id is not null) as n
     order by t.created_at`,
  );
  const options = await membershipOptions(client);
  await client.query(
    `${tenants.map(({ to }) => `create role ${to} nologin; grant ${to} to ${login.user}${options}`).join(';')};
     ${replaceRolesSql([...tenants, { from: template.service, to: login.user }])};
     set local session_replication_role = replica;
     alter table tenancy.audit_events disable trigger audit_events__append_only;
     ${tenants.map((tenant) => replaceTenantSql(tenant, tenant.oldId, tenant.newId)).join(';')};
     alter table tenancy.audit_events enable always trigger audit_events__append_only;
     set local session_replication_role = origin;
     delete from tenancy.keys where purpose = 'context';
     select tenancy.install_key('context', 'own', sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8')));
     update tenancy.installation set service = ${pg.escapeLiteral(login.user)}, installed_at = now();
     ${await readSqlFile('shared/schemas.sql', { service: login.user, database: name })}`,
  );
  await limitTemporaryFiles(client, login.user);
}

/**
 * Creates a database with what `build` creates, as a copy of a template that all processes of a run share. A copy costs
 * a fraction of an installation.
 */
export async function copyTemplate(
  server: string,
  run: string,
  fleet: Omit<Fleet, 'service' | 'servicePassword'>,
  build: Build,
): Promise<TestDatabase> {
  const template = await findTemplate(server, run, { ...fleet, service: '', servicePassword: null }, build);
  return createTestDatabase(
    server,
    (database) =>
      withAdminConnection({ connectionString: database.ownerUrl }, (client) =>
        makeIndependent(client, database, template),
      ),
    template.name,
  );
}

/** As `copyTemplate`, with a name and a login that the caller has chosen. The caller drops both. */
export async function copyTemplateAs(
  database: Pick<TestDatabase, 'name' | 'login'>,
  server: string,
  run: string,
  fleet: Omit<Fleet, 'service' | 'servicePassword'>,
  build: Build,
): Promise<void> {
  const template = await findTemplate(server, run, { ...fleet, service: '', servicePassword: null }, build);
  await alone(server, database.name, async (client) => {
    await client.query(`create database ${database.name} template ${template.name} strategy file_copy`);
    await withAdminConnection({ connectionString: urlOf(server, database.name) }, (owner) =>
      makeIndependent(owner, database, template),
    );
  });
}
