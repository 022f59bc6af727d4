import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import test from 'ava';
import { runChecks } from '../../../src/db/checks.ts';
import { withTenant } from '../../../src/tenancy/context/with-tenant.ts';
import { migrate } from '../../../src/tenancy/fleet/migrate.ts';
import { loadTenantMigrations, migrationsOn } from '../../../src/tenancy/migrations/tenant-migrations.ts';
import { tablesOf } from '../../../src/tenancy/registry/project.ts';
import { parseDomainName, parseSchemaName } from '../../../src/tenancy/registry/tenant.ts';
import { dumpTenant } from '../../../src/tenancy/transfer/dump/dump-tenant.ts';
import { restoreTenant } from '../../../src/tenancy/transfer/dump/restore-tenant.ts';
import { servedProject } from '../../fixture-app/served-project.ts';
import { openWorld, type World } from '../../helpers/world.ts';
import { raw } from '../../isolation/attack.ts';
import { compressPieces, findPiece, type Piece, readPieces } from './forge-dump.ts';
import { keepWriting } from './keep-writing.ts';
import { traces } from './traces.ts';
import { insertVariedRows, installVariedTables, rowsOf, structureOf } from './varied-tables.ts';

const TABLES = tablesOf(servedProject);

let world: World;
let elsewhere: World;
let folder: string;
let dumpFile: string;

test.serial.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'koa-tenants-dump-'));
  world = await openWorld({ project: servedProject });
  elsewhere = await openWorld({ project: servedProject });
  await installVariedTables(world);
  await installVariedTables(elsewhere);
  await world.provision('zoo');
  await insertVariedRows(world, 'zoo');
  dumpFile = join(folder, 'zoo.tenant');
  await dumpTenant(world.owner, 'zoo', {
    project: world.fleet.project,
    file: dumpFile,
    overwrite: false,
    declarations: TABLES,
  });
});
test.after.always(async () => {
  await Promise.all([world?.close(), elsewhere?.close()]);
  await rm(folder, { recursive: true, force: true });
});

type RestoreRequest = {
  file?: string | undefined;
  schema?: string;
  domains?: readonly string[];
  asCopy?: boolean;
};
const restore = (
  where: World,
  { file = dumpFile, schema, domains = [], asCopy = false }: RestoreRequest = {},
) =>
  restoreTenant(
    where.owner,
    { name: 'main', owner: where.owner, service: where.service },
    {
      project: world.fleet.project,
      file,
      schema: schema === undefined ? null : parseSchemaName(schema),
      domains: domains.map(parseDomainName),
      asCopy,
      declarations: TABLES,
    },
  );

/** Returns the rows that a restore contains. */
const withoutSessions = (rows: Record<string, string[]>) => ({
  ...rows,
  outbox: [],
  refresh_tokens: [],
  sessions: [],
});

test.serial('restores a complete tenant in another installation', async (t) => {
  const restored = await restore(elsewhere);
  t.deepEqual(await rowsOf(elsewhere, 'zoo'), withoutSessions(await rowsOf(world, 'zoo')));
  t.deepEqual(await structureOf(elsewhere, 'zoo'), await structureOf(world, 'zoo'));
  t.deepEqual(restored.domains as readonly string[], ['zoo.localhost']);
  t.deepEqual(restored.leftOut, ['outbox', 'refresh_tokens', 'sessions']);
  t.deepEqual(
    await runChecks((text) => elsewhere.asOwner(text), { service: elsewhere.service }),
    [],
    'and every wall is enabled',
  );
});

test('serves a restored tenant, isolated from the others', async (t) => {
  const { id } = await restore(world, { schema: 'served', domains: ['served.localhost'] });
  const seen = await withTenant(world.tenantDatabase, { tenant: id, readOnly: true }, (tx) =>
    tx.one(raw('select count(*)::integer as notes from notes')),
  );
  t.deepEqual(seen, { notes: 40 });
  await t.throwsAsync(
    withTenant(world.tenantDatabase, { tenant: world.acme.id, readOnly: true }, (tx) =>
      tx.any(raw('select id from served.notes')),
    ),
    { message: /permission denied/ },
  );
});

// Restoring.

/** Drops everything of a tenant, as a purge does. */
async function purge(schema: string): Promise<void> {
  const [row] = await world.asOwner<{ role: string }>(
    'select role_name as role from public.tenants where schema_name = $1',
    [schema],
  );
  await world.asOwner(`drop schema ${schema} cascade`);
  await world.asOwner(`drop table tenancy_migrations.${row?.role}`);
  await world.asOwner(`delete from public.tenants where schema_name = '${schema}'`);
  await world.asOwner(`drop owned by ${row?.role}`);
  await world.asOwner(`drop role ${row?.role}`);
}

test('restores a purged tenant under its own identity, with its rows and without its sessions', async (t) => {
  const { id } = await world.provision('phoenix');
  await insertVariedRows(world, 'phoenix');
  await world.asOwner(
    `update public.tenants
     set name = 'Phoenix Inc', paid_until = '2031-01-01', on_trial = false, settings = '{"ACCESS_TOKEN_LIFETIME": 60}', key_generation = 4
     where schema_name = 'phoenix'`,
  );
  const before = await rowsOf(world, 'phoenix');
  const file = join(folder, 'phoenix.tenant');
  await dumpTenant(world.owner, 'phoenix', {
    project: world.fleet.project,
    file,
    overwrite: false,
    declarations: TABLES,
  });
  await purge('phoenix');

  const restored = await restore(world, { file });
  t.true(restored.sameId);
  t.is(restored.id, id);
  t.deepEqual(restored.leftOut, ['outbox', 'refresh_tokens', 'sessions']);
  t.deepEqual(await rowsOf(world, 'phoenix'), withoutSessions(before));
  const [row] = await world.asOwner(
    `select name, paid_until::text, on_trial, settings, key_generation > 1000 as new_keys, status from public.tenants where id = $1`,
    [id],
  );
  t.deepEqual(row, {
    name: 'Phoenix Inc',
    paid_until: '2031-01-01',
    on_trial: false,
    settings: { ACCESS_TOKEN_LIFETIME: 60 },
    new_keys: true,
    status: 'active',
  });
});

test('continues identities and sequences', async (t) => {
  await restore(world, { schema: 'goes_on', domains: ['goes-on.localhost'] });
  const ids = `select id from goes_on.animals where name = 'new'`;
  await world.asOwner(
    `begin; set local search_path = goes_on; insert into animals (name) values ('new'); commit`,
  );
  t.deepEqual(
    await world.asOwner(ids),
    [{ id: '5' }],
    'the fourth was deleted, and its number is not given out again',
  );
  t.deepEqual(await world.asOwner(`insert into goes_on.keepers default values returning id`), [{ id: 2 }]);
  t.deepEqual(await world.asOwner(`select nextval('goes_on.tickets')`), [{ nextval: '1000001' }]);
});

test('fires no triggers for restored rows, and fires them for later rows', async (t) => {
  await restore(world, { schema: 'quiet', domains: ['quiet.localhost'] });
  t.deepEqual((await rowsOf(world, 'quiet')).changes, (await rowsOf(world, 'zoo')).changes);
  await world.asOwner(
    `begin; set local search_path = quiet; insert into animals (name) values ('loud'); commit`,
  );
  const changes = await world.asOwner(`select what from quiet.changes where what like '%loud'`);
  t.is(changes.length, 2, 'one trigger each, and none of the one that is off');
});

test('omits sessions, pending mail and audit events from a copy next to the original', async (t) => {
  const beside = await restore(world, { schema: 'beside', domains: ['beside.localhost'] });
  t.deepEqual(beside.leftOut, ['audit_events', 'outbox', 'refresh_tokens', 'sessions']);
  const rows = await rowsOf(world, 'beside');
  t.deepEqual([rows.outbox, rows.refresh_tokens], [[], []]);
  t.is(rows.users?.length, 1);
});

test('omits audit events with --as-copy although the original is gone', async (t) => {
  await world.provision('lost');
  await insertVariedRows(world, 'lost');
  const file = join(folder, 'lost.tenant');
  await dumpTenant(world.owner, 'lost', {
    project: world.fleet.project,
    file,
    overwrite: false,
    declarations: TABLES,
  });
  await purge('lost');
  const restored = await restore(world, { file, asCopy: true });
  t.deepEqual(restored.leftOut, ['audit_events', 'outbox', 'refresh_tokens', 'sessions']);
  t.deepEqual((await rowsOf(world, 'lost')).refresh_tokens, []);
});

test('omits rows of tables declared never', async (t) => {
  const file = join(folder, 'declared.tenant');
  const { manifest } = await dumpTenant(world.owner, 'zoo', {
    project: world.fleet.project,
    file,
    overwrite: false,
    declarations: TABLES,
  });
  const count = (name: string) => manifest.tables.find((table) => table.name === name)?.rows;
  t.deepEqual([count('sessions'), count('refresh_tokens'), count('outbox')], [0, 0, 0]);
  t.deepEqual([count('users'), count('audit_events')], [1, 1]);
});

test('does not restore rows of tables declared never, or of their partitions, from a dump of older code', async (t) => {
  await world.provision('former');
  await insertVariedRows(world, 'former');
  const file = join(folder, 'former.tenant');
  const { manifest } = await dumpTenant(world.owner, 'former', {
    project: world.fleet.project,
    file,
    overwrite: false,
    declarations: {},
  });
  const dumped = (name: string) => manifest.tables.find((table) => table.name === name)?.rows;
  t.deepEqual([dumped('sessions'), dumped('refresh_tokens'), dumped('outbox')], [1, 1, 1]);
  await purge('former');
  const { leftOut } = await restoreTenant(
    world.owner,
    { name: 'main', owner: world.owner, service: world.service },
    {
      project: world.fleet.project,
      file,
      schema: null,
      domains: [],
      asCopy: false,
      declarations: { ...TABLES, readings: { dump: 'never' } },
    },
  );
  const rows = await rowsOf(world, 'former');
  t.true(leftOut.includes('readings_2025'), leftOut.join());
  for (const name of leftOut) {
    t.deepEqual(rows[name], [], name);
  }
  t.is(rows.users?.length, 1);
});

test('creates different keys in two restores of one dump', async (t) => {
  const generations = new Set<unknown>();
  for (const name of ['first', 'other']) {
    const { id } = await restore(world, { schema: `keys_${name}`, domains: [`keys-${name}.localhost`] });
    const [row] = await world.asOwner('select key_generation from public.tenants where id = $1', [id]);
    generations.add(row?.key_generation);
  }
  t.is(generations.size, 2);
});

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

test('restores a dump of an older schema at its version, and migrates it forward', async (t) => {
  await world.provision('older');
  const [before, last] = migrationsOn('tenant', await loadTenantMigrations(world.fleet.project))
    .map(({ name }) => name)
    .slice(-2);
  await world.asOwner(`insert into older.users (username, password) values ('old', 'x')`);
  await migrate(world.owner, world.fleet, { schema: 'older', to: before });
  t.deepEqual(await world.asOwner(`select migrated_to from public.tenants where schema_name = 'older'`), [
    { migrated_to: before },
  ]);
  const file = join(folder, 'older.tenant');
  await dumpTenant(world.owner, 'older', {
    project: world.fleet.project,
    file,
    overwrite: false,
    declarations: TABLES,
  });
  await restore(world, { file, schema: 'newer', domains: ['newer.localhost'] });
  const [row] = await world.asOwner(`select migrated_to from public.tenants where schema_name = 'newer'`);
  t.deepEqual(row, { migrated_to: last });
  const rows = await rowsOf(world, 'newer');
  t.is(rows.users?.length, 1);
  t.deepEqual([rows.notes, rows.kinds?.length], [[], 2]);
});

// Rejected dumps. None of them creates anything.

const rejected = test.macro({
  title: (given) => `rejects ${given} before anything is created`,
  async exec(
    t,
    made: () => Promise<RestoreRequest>,
    { code = 'dump_invalid', message }: { code?: string; message: RegExp },
  ) {
    const request = { schema: 'refused', domains: ['refused.localhost'], ...(await made()) };
    const before = await traces(elsewhere);
    const error = await t.throwsAsync(restore(elsewhere, request), { message });
    t.is((error as { code?: string } | undefined)?.code, code);
    t.deepEqual(await traces(elsewhere), before);
  },
});

let made = 0;
const fileOf = async (bytes: Buffer): Promise<RestoreRequest> => {
  made += 1;
  const file = join(folder, `made-${made}.tenant`);
  await writeFile(file, bytes);
  return { file };
};

/** Returns a dump with changed pieces in a valid format. */
async function forge(change: (pieces: Piece[]) => Piece[] | undefined): Promise<RestoreRequest> {
  const pieces = await readPieces(dumpFile);
  return fileOf(await compressPieces(change(pieces) ?? pieces));
}

const replace = (pieces: Piece[], name: string, from: string, to: string): undefined => {
  const at = findPiece(pieces, name);
  const text = at.content.toString();
  if (!text.includes(from)) {
    throw new Error(`No ${from} in ${name}.`);
  }
  at.content = Buffer.from(text.replace(from, to));
};

test('an empty file', rejected, () => fileOf(Buffer.alloc(0)), { message: /damaged or incomplete/ });
test('a text', rejected, () => fileOf(Buffer.from('insert into users')), {
  message: /damaged or incomplete/,
});
test('another archive', rejected, () => fileOf(zstdCompressSync(Buffer.alloc(1024))), {
  message: /damaged or incomplete/,
});
test(
  'a dump with trailing data',
  rejected,
  async () => fileOf(Buffer.concat([await readFile(dumpFile), Buffer.from('x')])),
  {
    message: /damaged or incomplete/,
  },
);
test(
  'a dump followed by another dump',
  rejected,
  async () => fileOf(Buffer.concat([await readFile(dumpFile), await readFile(dumpFile)])),
  {
    message: /damaged or incomplete/,
  },
);
test(
  'a dump with a changed row',
  rejected,
  () => forge((all) => replace(all, 'data/000000/000000.copy', 'hungry', 'calm')),
  {
    message: /checksum of table "animals" is wrong/,
  },
);
test(
  'a dump without a table',
  rejected,
  () => forge((all) => all.filter(({ header }) => header.name !== 'data/000000/000000.copy')),
  {
    message: /checksum of table "animals" is wrong/,
  },
);
test(
  'a dump with a duplicated table',
  rejected,
  () => forge((all) => [all[0] as Piece, ...all.slice(1, 2), ...all.slice(1)]),
  {
    message: /a part is missing/,
  },
);
test(
  'a dump with an edited manifest',
  rejected,
  () => forge((all) => replace(all, 'manifest.json', '"rows": 40', '"rows": 4')),
  {
    message: /checksum of its manifest is wrong/,
  },
);
test('a dump without its manifest', rejected, () => forge((all) => all.slice(0, -2)), {
  message: /it is truncated/,
});
test('a dump without its seal', rejected, () => forge((all) => all.slice(0, -1)), {
  message: /checksum of its manifest is wrong/,
});
test(
  'a dump of a newer format version',
  rejected,
  () => forge((all) => replace(all, 'koa-tenants.json', '"version":1', '"version":2')),
  {
    message: /format 2/,
  },
);
test(
  'a dump with a file outside of its folder',
  rejected,
  () =>
    forge((all) => [
      ...all.slice(0, 1),
      { header: { name: '../../etc/passwd' }, content: Buffer.from('x') },
      ...all.slice(1),
    ]),
  {
    message: /has an unexpected entry/,
  },
);
test('a missing file', rejected, async () => ({ file: join(folder, 'nothing') }), {
  code: 'file_refused',
  message: /does not exist/,
});
test('a folder', rejected, async () => ({ file: folder }), {
  code: 'file_refused',
  message: /is a directory/,
});
test('a taken schema name', rejected, async () => ({ schema: 'acme' }), {
  code: 'schema_name_taken',
  message: /"acme"/,
});
test('a taken domain', rejected, async () => ({ domains: ['acme.localhost'] }), {
  code: 'domain_taken',
  message: /acme\.localhost/,
});

test('rejects a dump that is truncated at any byte', async (t) => {
  const whole = await readFile(dumpFile);
  const before = await traces(elsewhere);
  for (let length = whole.length - 1; length > 0; length -= length > whole.length - 40 ? 1 : 251) {
    const { file } = await fileOf(whole.subarray(0, length));
    const error = await restore(elsewhere, { file, schema: 'cut', domains: ['cut.localhost'] }).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    t.like(error, { code: 'dump_invalid' }, `cut at ${length} of ${whole.length}`);
  }
  t.deepEqual(await traces(elsewhere), before);
});

function isSameContent(dump: Buffer, changed: Buffer): boolean {
  try {
    return zstdDecompressSync(dump).equals(zstdDecompressSync(changed));
  } catch {
    return false;
  }
}

test('rejects a dump with any changed byte', async (t) => {
  const whole = await readFile(dumpFile);
  const before = await traces(elsewhere);
  for (let at = 0; at < whole.length; at += 97) {
    const changed = Buffer.from(whole);
    changed[at] = (changed[at] ?? 0) ^ 0x20;
    // zstd has bits without effect, such as the size of its window.
    if (isSameContent(whole, changed)) {
      continue;
    }
    const { file } = await fileOf(changed);
    await t.throwsAsync(
      restore(elsewhere, { file, schema: 'cut', domains: ['cut.localhost'] }),
      {
        code: 'dump_invalid',
      } as never,
      `byte ${at} of ${whole.length}`,
    );
  }
  t.deepEqual(await traces(elsewhere), before);
});

test('rejects a dump of newer code, and names the missing migration', async (t) => {
  const { role } = await world.provision('future');
  await world.asOwner(
    `insert into tenancy_migrations.${role} (name, run_on) values ('29990101000000000_flying_cars', now())`,
  );
  const file = join(folder, 'future.tenant');
  await dumpTenant(world.owner, 'future', {
    project: world.fleet.project,
    file,
    overwrite: false,
    declarations: TABLES,
  });
  await t.throwsAsync(restore(elsewhere, { file, schema: 'refused', domains: ['refused.localhost'] }), {
    message: /"29990101000000000_flying_cars"/,
    code: 'dump_invalid',
  } as never);
});

test('rejects a table that was changed manually, and names it', async (t) => {
  await world.provision('by_hand');
  await world.asOwner('alter table by_hand.notes add column secret text');
  const file = join(folder, 'by-hand.tenant');
  await dumpTenant(world.owner, 'by_hand', {
    project: world.fleet.project,
    file,
    overwrite: false,
    declarations: TABLES,
  });
  const before = await traces(elsewhere);
  await t.throwsAsync(restore(elsewhere, { file, schema: 'refused', domains: ['refused.localhost'] }), {
    message: /column "secret" of table "notes"/,
    code: 'dump_invalid',
  } as never);
  t.deepEqual(await traces(elsewhere), before);
});

test('rejects rows that violate a constraint although every hash is valid', async (t) => {
  await world.provision('contrary');
  await insertVariedRows(world, 'contrary');
  await world.asOwner('alter table contrary.animals drop constraint animals_kind_fkey');
  await world.asOwner('update contrary.animals set kind = 99 where id = 1');
  const file = join(folder, 'contrary.tenant');
  await dumpTenant(world.owner, 'contrary', {
    project: world.fleet.project,
    file,
    overwrite: false,
    declarations: TABLES,
  });
  const before = await traces(elsewhere);
  await t.throwsAsync(restore(elsewhere, { file, schema: 'refused', domains: ['refused.localhost'] }), {
    message: /animals_kind_fkey/,
    code: 'dump_invalid',
  } as never);
  t.deepEqual(await traces(elsewhere), before);
});

// Dumping.

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
  const { file = '' } = await fileOf(Buffer.from('precious'));
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
  const { stop } = keepWriting(world, id);
  const counts: number[] = [];
  for (let n = 0; n < 5; n += 1) {
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
