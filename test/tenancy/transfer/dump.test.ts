import { mkdtemp, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { dumpTenant } from '../../../src/tenancy/transfer/dump/dump-tenant.ts';
import type { World } from '../../helpers/world.ts';
import { openZoo, TABLES } from './dump-fixture.ts';
import { keepWriting } from './keep-writing.ts';

let zoo: Awaited<ReturnType<typeof openZoo>>;
let world: World;
let folder: string;

test.serial.before(async () => {
  zoo = await openZoo();
  ({ world, folder } = zoo);
});
test.after.always(() => zoo?.close());

test('rejects a table with rows that refers to one without, before it writes the dump', async (t) => {
  const file = join(folder, 'crossing.tenant');
  await t.throwsAsync(
    dumpTenant(world.owner, 'zoo', {
      project: world.fleet.project,
      file,
      overwrite: false,
      declarations: { kinds: { dump: 'never' } },
    }),
    { code: 'precondition_failed', message: /"animals" refers to "kinds"/ } as never,
  );
  await t.throwsAsync(stat(file), { code: 'ENOENT' });
});

test('makes a dump readable only by its owner, and leaves no other file', async (t) => {
  const target = await mkdtemp(join(folder, 'target-'));
  await dumpTenant(world.owner, 'zoo', {
    project: world.fleet.project,
    file: join(target, 'one.tenant'),
    overwrite: false,
    declarations: TABLES,
  });
  t.deepEqual(await readdir(target), ['one.tenant']);
  t.is((await stat(join(target, 'one.tenant'))).mode & 0o777, 0o600);
});

test('overwrites an existing file only on request', async (t) => {
  const file = join(folder, 'existing.tenant');
  await writeFile(file, 'precious');
  await t.throwsAsync(
    dumpTenant(world.owner, 'zoo', {
      project: world.fleet.project,
      file,
      overwrite: false,
      declarations: TABLES,
    }),
    {
      code: 'file_refused',
    } as never,
  );
  t.is((await readFile(file)).toString(), 'precious');
  await dumpTenant(world.owner, 'zoo', {
    project: world.fleet.project,
    file,
    overwrite: true,
    declarations: TABLES,
  });
  t.true((await stat(file)).size > 1000);
});

test('reports a dump that cannot be written in one sentence, and leaves nothing', async (t) => {
  await t.throwsAsync(
    dumpTenant(world.owner, 'zoo', {
      project: world.fleet.project,
      file: join(folder, 'no/such/folder/x'),
      overwrite: false,
      declarations: TABLES,
    }),
    { code: 'file_refused', message: /directory does not exist/ } as never,
  );
});

test('rejects dumping an unknown tenant', async (t) => {
  const file = join(folder, 'nobody.tenant');
  await t.throwsAsync(
    dumpTenant(world.owner, 'nobody', {
      project: world.fleet.project,
      file,
      overwrite: false,
      declarations: TABLES,
    }),
    {
      code: 'tenant_not_found',
    } as never,
  );
  await t.throwsAsync(stat(file), { code: 'ENOENT' });
});

test('leaves no file when a dump fails', async (t) => {
  const gone = await mkdtemp(join(folder, 'gone-'));
  const failing = dumpTenant(world.owner, 'zoo', {
    project: world.fleet.project,
    file: join(gone, 'x.tenant'),
    overwrite: false,
    declarations: TABLES,
    onTable: ({ name }) => {
      if (name === 'notes') {
        throw new Error('halfway');
      }
    },
  });
  await t.throwsAsync(failing, { message: 'halfway' });
  t.deepEqual(await readdir(gone), []);
});

test('dumps one consistent snapshot of a tenant in use', async (t) => {
  const { id } = await world.provision('busy');
  const { written, stop } = keepWriting(world, id);
  const counts: number[] = [];
  for (let n = 0; n < 5; n += 1) {
    await written();
    const { manifest } = await dumpTenant(world.owner, 'busy', {
      project: world.fleet.project,
      file: join(folder, `busy-${n}`),
      overwrite: false,
      declarations: TABLES,
    });
    const rows = (name: string) => manifest.tables.find((table) => table.name === name)?.rows ?? -1;
    t.is(rows('notes'), rows('people'));
    counts.push(rows('notes'));
  }
  await stop();
  t.true((counts.at(-1) ?? 0) > (counts[0] ?? 0), 'and it did go on');
});

test('dumps a suspended and a deleted tenant with their status', async (t) => {
  await world.provision('asleep');
  for (const status of ['suspended', 'deleted'] as const) {
    await world.asOwner(`update public.tenants set status = $1 where schema_name = 'asleep'`, [status]);
    const { manifest } = await dumpTenant(world.owner, 'asleep', {
      project: world.fleet.project,
      file: join(folder, status),
      overwrite: false,
      declarations: TABLES,
    });
    t.is(manifest.tenant.status, status);
  }
});
