import test from 'ava';
import { runChecks } from '../../../src/db/checks.ts';
import { withTenant } from '../../../src/tenancy/context/with-tenant.ts';
import { tablesOf } from '../../../src/tenancy/registry/project.ts';
import { parseDomainName, parseSchemaName } from '../../../src/tenancy/registry/tenant.ts';
import { cloneTenant } from '../../../src/tenancy/transfer/copy/clone-tenant.ts';
import { servedProject } from '../../fixture-app/served-project.ts';
import { openWorld, type World } from '../../helpers/world.ts';
import { raw } from '../../isolation/attack.ts';
import { keepWriting } from './keep-writing.ts';
import { traces } from './traces.ts';
import { insertVariedRows, installVariedTables, rowsOf, structureOf } from './varied-tables.ts';

const TABLES = tablesOf(servedProject);

let world: World;
test.serial.before(async () => {
  world = await openWorld({ project: servedProject });
  await installVariedTables(world);
  await world.provision('zoo');
  await insertVariedRows(world, 'zoo');
});
test.after.always(() => world?.close());

const clone = (
  from: string,
  schema: string,
  { domain = `${schema.replaceAll('_', '-')}.localhost`, data = true } = {},
) =>
  cloneTenant(
    world.owner,
    world,
    { name: 'main', owner: world.owner, service: world.service },
    {
      project: world.fleet.project,
      from,
      schema: parseSchemaName(schema),
      name: null,
      domains: [parseDomainName(domain)],
      data,
      declarations: TABLES,
    },
  );

test.serial('leaves nothing of a rejected clone', async (t) => {
  const before = await traces(world);
  await t.throwsAsync(clone('nobody', 'copied'), { code: 'tenant_not_found' } as never);
  await t.throwsAsync(clone('zoo', 'acme', { domain: 'copied.localhost' }), {
    code: 'schema_name_taken',
  } as never);
  await t.throwsAsync(clone('zoo', 'copied', { domain: 'acme.localhost' }), {
    code: 'domain_taken',
  } as never);
  await world.asOwner('alter table zoo.notes add column secret text');
  await t.throwsAsync(clone('zoo', 'copied'), { code: 'dump_invalid', message: /"secret"/ } as never);
  await world.asOwner('alter table zoo.notes drop column secret');
  t.deepEqual(await traces(world), before);
});

test('copies the rows of the original without its sessions', async (t) => {
  const { leftOut, tables } = await clone('zoo', 'second');
  t.deepEqual(leftOut, ['audit_events', 'outbox', 'refresh_tokens', 'sessions']);
  const { audit_events, outbox, refresh_tokens, sessions, ...expected } = await rowsOf(world, 'zoo');
  t.deepEqual(
    [audit_events, outbox, refresh_tokens, sessions].map((rows) => rows?.length),
    [1, 1, 1, 1],
  );
  const copied = await rowsOf(world, 'second');
  t.deepEqual(copied, { ...expected, audit_events: [], outbox: [], refresh_tokens: [], sessions: [] });
  t.deepEqual(
    Object.fromEntries(tables.map(({ name, rows }) => [name, rows])),
    Object.fromEntries(Object.entries(expected).map(([name, rows]) => [name, rows.length])),
  );
  t.deepEqual(await structureOf(world, 'second'), await structureOf(world, 'zoo'));
  t.deepEqual(await runChecks((text) => world.asOwner(text), { service: world.service }), []);
});

test.serial('continues the identities of original and clone independently', async (t) => {
  await clone('zoo', 'onward');
  for (const schema of ['onward', 'onward', 'zoo']) {
    await world.asOwner(`insert into ${schema}.keepers default values`);
  }
  const last = (schema: string) => world.asOwner(`select max(id) as id from ${schema}.keepers`);
  t.deepEqual(await last('onward'), [{ id: 3 }]);
  t.deepEqual(await last('zoo'), [{ id: 2 }]);
  await world.asOwner('delete from zoo.keepers where id = 2');
});

test('isolates a clone and its original from each other', async (t) => {
  const { id } = await clone('zoo', 'apart');
  const other = (tenant: typeof id, schema: string) =>
    withTenant(world.tenantDatabase, { tenant, readOnly: true }, (tx) =>
      tx.any(raw(`select id from ${schema}.notes`)),
    );
  await t.throwsAsync(other(id, 'zoo'), { message: /permission denied/ });
  await t.throwsAsync(other(world.acme.id, 'apart'), { message: /permission denied/ });
  const [row] = await world.asOwner(
    `select status, key_generation, migrated_to is not null as migrated from public.tenants where id = $1`,
    [id],
  );
  t.deepEqual(row, { status: 'active', key_generation: 1, migrated: true });
});

test('creates the tables of a new tenant in a clone without data', async (t) => {
  const { tables } = await clone('zoo', 'bare', { data: false });
  t.deepEqual(tables, []);
  const rows = await rowsOf(world, 'bare');
  t.deepEqual(rows.kinds, ['(1,mammal)', '(2,bird)'], 'with what the migrations put in');
  t.deepEqual([rows.notes, rows.users, rows.animals], [[], [], []]);
  t.deepEqual(await structureOf(world, 'bare'), await structureOf(world, 'zoo'));
});

test('clones a clone', async (t) => {
  await clone('zoo', 'generation_1');
  await clone('generation_1', 'generation_2');
  t.deepEqual(await rowsOf(world, 'generation_2'), await rowsOf(world, 'generation_1'));
});

test('clones one consistent snapshot of a tenant in use', async (t) => {
  const { id } = await world.provision('busy');
  const { written, stop } = keepWriting(world, id);
  for (let n = 0; n < 3; n += 1) {
    await written();
    const { tables } = await clone('busy', `moment_${n}`);
    const rows = (name: string) => tables.find((table) => table.name === name)?.rows;
    t.is(rows('notes'), rows('people'));
  }
  await stop();
});

test('creates one of two concurrent clones with the same name', async (t) => {
  const both = await Promise.allSettled([
    clone('zoo', 'twin', { domain: 'twin-1.localhost' }),
    clone('zoo', 'twin', { domain: 'twin-2.localhost' }),
  ]);
  t.is(both.filter(({ status }) => status === 'fulfilled').length, 1);
  const [lost] = both.filter((outcome) => outcome.status === 'rejected');
  t.like(lost?.reason, { code: 'schema_name_taken' });
});
