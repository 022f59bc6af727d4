/** Run alone: node_modules/.bin/node test/run.ts test/tenancy/lifecycle/hooks.test.ts */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import type pg from 'pg';

import { defineApp } from '../../../src/definition/define-app.ts';
import { defineProject } from '../../../src/definition/define-project.ts';
import { provisionTenant } from '../../../src/tenancy/lifecycle/provision.ts';
import { provisionOn } from '../../../src/tenancy/lifecycle/provision-on.ts';
import { renameTenant } from '../../../src/tenancy/lifecycle/rename-tenant.ts';
import { runDeletionHooks, runHooks } from '../../../src/tenancy/lifecycle/run-hooks.ts';
import { deleteTenant, undeleteTenant } from '../../../src/tenancy/registry/change-status.ts';
import type { TenantHooks } from '../../../src/tenancy/registry/project.ts';
import {
  parseDomainName,
  parseSchemaName,
  type TenantIdentity,
} from '../../../src/tenancy/registry/tenant.ts';
import { cloneTenant } from '../../../src/tenancy/transfer/copy/clone-tenant.ts';
import { dumpTenant } from '../../../src/tenancy/transfer/dump/dump-tenant.ts';
import { restoreTenant } from '../../../src/tenancy/transfer/dump/restore-tenant.ts';
import { fixtureProject } from '../../fixture-app/project.ts';
import { openWorld, type World } from '../../helpers/world.ts';
import { openPremium } from '../transfer/premium.ts';

/** Name of the hook that throws. */
let failing: keyof TenantHooks | null = null;

/** Creates a hook that writes a row with the role, path and tenant of its transaction. */
const writes =
  (name: keyof TenantHooks) =>
  async (
    client: pg.ClientBase,
    tenant: TenantIdentity,
    before?: Readonly<{ schema: string }>,
  ): Promise<void> => {
    await client.query(
      `insert into notes (name, description)
       select $1, concat_ws(' ', $2::text, tenancy.current_tenant(), current_user, current_schema)`,
      [name, before?.schema],
    );
    if (failing === name) {
      throw new Error(`${name} of ${tenant.schema} failed`);
    }
  };

const hooks = defineApp({
  name: 'fixture_hooks',
  directory: import.meta.dirname,
  needs: ['fixture_notes'],
  dueWork: ['letters'],
  onTenantCreated: writes('onTenantCreated'),
  onRestored: writes('onRestored'),
  onCloned: writes('onCloned'),
  onRenamed: writes('onRenamed'),
  onDeleted: writes('onDeleted'),
});
const project = defineProject({ apps: [...fixtureProject.apps, hooks] });

let world: World;
let folder: string;
test.before(async () => {
  world = await openWorld({ project, installs: true });
  folder = await mkdtemp(path.join(tmpdir(), 'koa-tenants-hooks-'));
});
test.after.always(async () => {
  await world?.close();
  await rm(folder, { recursive: true, force: true });
});

/** Returns the rows of the called hooks, oldest first. */
const callsIn = async (
  schema: string,
): Promise<ReadonlyArray<Readonly<{ name: string; description: string }>>> =>
  world.asOwner(`select name, description from "${schema}".notes where name like 'on%' order by id`);

const namesIn = async (schema: string): Promise<readonly string[]> =>
  (await callsIn(schema)).map(({ name }) => name);

const roleOf = async (schema: string): Promise<string> => {
  const [row] = await world.asOwner<{ role: string }>(
    'select role_name as role from public.tenants where schema_name = $1',
    [schema],
  );
  return String(row?.role);
};

const exists = async (schema: string): Promise<boolean> =>
  (await world.asOwner('select from public.tenants where schema_name = $1', [schema])).length === 1;

const database = () => ({ name: 'main', owner: world.owner, service: world.service });
const domains = (schema: string) => [parseDomainName(`${schema}.localhost`)];
const provision = (schema: string) =>
  provisionTenant(world.owner, world.fleet, {
    schema: parseSchemaName(schema),
    name: schema,
    domains: domains(schema),
  });
const clone = (from: string, schema: string) =>
  cloneTenant(world.owner, world, database(), {
    project,
    from,
    schema: parseSchemaName(schema),
    name: null,
    domains: domains(schema),
    data: true,
    declarations: {},
  });
const restore = (file: string, schema: string) =>
  restoreTenant(world.owner, database(), {
    project,
    file,
    schema: parseSchemaName(schema),
    domains: domains(schema),
    asCopy: true,
    declarations: {},
  });
const rename = (schema: string, to: string) =>
  renameTenant(world.owner, schema, { schema: parseSchemaName(to), keepDomain: true }, 10, project);
const remove = (schema: string) =>
  deleteTenant(world.owner, schema, 1, (client, row) => runHooks(client, project, 'onDeleted', row));

test.serial('calls onTenantCreated inside the new tenant', async (t) => {
  const role = await roleOf('acme');
  t.deepEqual(await callsIn('acme'), [{ name: 'onTenantCreated', description: `${role} tenant_owner acme` }]);
});

test.serial(
  'calls onCloned for a clone and onRestored for a restored tenant, with the rows of the original',
  async (t) => {
    await clone('acme', 'cloned');
    t.deepEqual(await namesIn('cloned'), ['onTenantCreated', 'onCloned']);
    const file = path.join(folder, 'acme.tenant');
    await dumpTenant(world.owner, 'acme', { project, file, overwrite: false, declarations: {} });
    await restore(file, 'restored');
    t.deepEqual(await namesIn('restored'), ['onTenantCreated', 'onRestored']);
    t.is((await callsIn('restored'))[1]?.description, `${await roleOf('restored')} tenant_owner restored`);
  },
);

test.serial(
  'marks the due work of apps in a clone and in a restored tenant, whose rows fire no trigger',
  async (t) => {
    await clone('acme', 'workclone');
    const file = path.join(folder, 'work.tenant');
    await dumpTenant(world.owner, 'acme', { project, file, overwrite: false, declarations: {} });
    await restore(file, 'workrestored');
    const marked = await world.asOwner(
      `select t.schema_name, w.kind
     from tenancy.due_work as w
     join public.tenants as t on t.id = w.tenant_id
     where t.schema_name like 'work%'
     order by t.schema_name, w.kind`,
    );
    t.deepEqual(marked, [
      { schema_name: 'workclone', kind: 'letters' },
      { schema_name: 'workrestored', kind: 'letters' },
    ]);
  },
);

test.serial('calls onRenamed with the former schema, and only for a new schema', async (t) => {
  await provision('early');
  await renameTenant(world.owner, 'early', { name: 'Early Ltd', keepDomain: true }, 10, project);
  t.deepEqual(await namesIn('early'), ['onTenantCreated']);
  await rename('early', 'late');
  const role = await roleOf('late');
  t.deepEqual((await callsIn('late')).at(-1), {
    name: 'onRenamed',
    description: `early ${role} tenant_owner late`,
  });
});

test.serial('runs the hooks on a further database, and keeps the tenant when onDeleted fails', async (t) => {
  const premium = await openPremium(world);
  try {
    await provisionOn(
      world.owner,
      { ...premium.database, project },
      { schema: parseSchemaName('far'), name: 'far', domains: [parseDomainName('far.localhost')] },
    );
    const statusOf = async (): Promise<string | undefined> =>
      (
        await world.asOwner<{ status: string }>(`select status from public.tenants where schema_name = 'far'`)
      )[0]?.status;
    const removeFar = () =>
      deleteTenant(world.owner, 'far', 1, (client, row) =>
        runDeletionHooks(client, premium.database.owner, project, row),
      );
    failing = 'onDeleted';
    await t.throwsAsync(removeFar(), { message: /^onDeleted of far failed$/ });
    failing = null;
    t.is(await statusOf(), 'active');
    t.true((await removeFar()).changed);
    t.false((await removeFar()).changed);
    t.is(await statusOf(), 'deleted');
    const calls = await premium.asOwner(`select name from far.notes where name like 'on%' order by id`);
    t.deepEqual(calls, [{ name: 'onTenantCreated' }, { name: 'onDeleted' }]);
  } finally {
    failing = null;
    await premium.close();
  }
});

test.serial('calls onDeleted once, and not for a repeated deletion', async (t) => {
  await provision('gone');
  t.true((await remove('gone')).changed);
  t.false((await remove('gone')).changed);
  await undeleteTenant(world.owner, 'gone');
  t.deepEqual(await namesIn('gone'), ['onTenantCreated', 'onDeleted']);
});

test.serial('rolls back the change when a hook throws', async (t) => {
  const file = path.join(folder, 'failing.tenant');
  await dumpTenant(world.owner, 'acme', { project, file, overwrite: false, declarations: {} });
  await provision('staying');
  const attempts = {
    onTenantCreated: () => provision('failed'),
    onCloned: () => clone('acme', 'failed'),
    onRestored: () => restore(file, 'failed'),
    onRenamed: () => rename('staying', 'failed'),
    onDeleted: () => remove('staying'),
  } satisfies Record<keyof TenantHooks, () => Promise<unknown>>;
  for (const [name, attempt] of Object.entries(attempts)) {
    failing = name as keyof TenantHooks;
    await t.throwsAsync(attempt(), { message: new RegExp(`^${name} of \\w+ failed$`) });
    t.false(await exists('failed'), name);
  }
  failing = null;
  t.deepEqual(await namesIn('staying'), ['onTenantCreated']);
  const [{ status } = { status: '' }] = await world.asOwner<{ status: string }>(
    `select status from public.tenants where schema_name = 'staying'`,
  );
  t.is(status, 'active');
});
