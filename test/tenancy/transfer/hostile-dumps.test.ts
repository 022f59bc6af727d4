import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { constants, zstdCompressSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import { parseDomainName, parseSchemaName } from '../../../src/tenancy/registry/tenant.ts';
import { dumpTenant } from '../../../src/tenancy/transfer/dump/dump-tenant.ts';
import { MAX_PART_BYTES } from '../../../src/tenancy/transfer/dump/manifest.ts';
import { restoreTenant } from '../../../src/tenancy/transfer/dump/restore-tenant.ts';
import { servedProject } from '../../fixture-app/served-project.ts';
import { openWorld, type World } from '../../helpers/world.ts';
import { compressPieces, editManifest, type Piece, packPieces, readPieces } from './forge-dump.ts';
import { traces } from './traces.ts';

let world: World;
let folder: string;
let sound: string;
test.serial.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'koa-tenants-hostile-'));
  world = await openWorld({ project: servedProject });
  sound = join(folder, 'acme.tenant');
  await dumpTenant(world.owner, 'acme', {
    project: world.fleet.project,
    file: sound,
    overwrite: false,
    declarations: {},
  });
});
test.after.always(async () => {
  await world?.close();
  await rm(folder, { recursive: true, force: true });
});

let files = 0;
async function restore(bytes: Buffer) {
  files += 1;
  const file = join(folder, `${files}.tenant`);
  await writeFile(file, bytes);
  return restoreTenant(
    world.owner,
    { name: 'main', owner: world.owner, service: world.service },
    {
      project: world.fleet.project,
      file,
      schema: parseSchemaName('hostile'),
      domains: [parseDomainName('hostile.localhost')],
      asCopy: false,
      declarations: {},
    },
  );
}

async function assertRejected(t: ExecutionContext, bytes: Buffer, message: RegExp): Promise<void> {
  const before = await traces(world);
  const error = await t.throwsAsync(restore(bytes), { message });
  t.is((error as { code?: string } | undefined)?.code, 'dump_invalid');
  t.deepEqual(await traces(world), before);
}

const entry = (name: string, content: Buffer | string, header: Partial<Piece['header']> = {}): Piece => ({
  header: { name, ...header },
  content: Buffer.from(content),
});
const HEADER = entry('koa-tenants.json', JSON.stringify({ format: 'koa-tenants dump', version: 1 }));
const part = (table: number, number: number, content: Buffer | string = 'x\n'): Piece =>
  entry(`data/${String(table).padStart(6, '0')}/${String(number).padStart(6, '0')}.copy`, content);

// Entries with a false path or size.

const FOREIGN = /has an unexpected entry/;
for (const [what, pieces, message] of [
  ['the number of a table is 3,000,000', [part(3_000_000, 0)], FOREIGN],
  ['the number of a table is 999,999', [part(999_999, 0)], FOREIGN],
  ['the number of a table is negative', [entry('data/-00001/000000.copy', 'x')], FOREIGN],
  ['the number of a table is no integer', [entry('data/1e5/000000.copy', 'x')], FOREIGN],
  [
    'the number of a table is beyond exact numbers',
    [entry('data/99999999999999999999/0.copy', 'x')],
    FOREIGN,
  ],
  ['the tables go backwards', [part(1, 0), part(0, 0)], FOREIGN],
  ['the first part has a high number', [part(0, 3_000_000)], /a part is missing/],
  ['a part is empty', [part(0, 0, '')], /a part is missing/],
  ['a part is longer than parts are', [part(0, 0, Buffer.alloc(MAX_PART_BYTES + 1))], /too long/],
  ['its header is long', [entry('koa-tenants.json', ' '.repeat(2_000))], /too long/],
  ['its seal is long', [entry('manifest.sha256', 'a'.repeat(65))], /too long/],
  [
    'an entry is a link',
    [entry('data/000000/000000.copy', '', { type: 'symlink', linkname: '/etc/passwd' })],
    FOREIGN,
  ],
  ['an entry is a folder', [entry('data/000000', '', { type: 'directory' })], FOREIGN],
  ['a manifest is not of JSON', [entry('manifest.json', '[')], /manifest is invalid/],
  ['a manifest is nested deeply', [entry('manifest.json', '['.repeat(1 << 20))], /manifest is invalid/],
] as const) {
  test(`rejects a dump of which ${what}`, async (t) => {
    const first = pieces[0].header.name === HEADER.header.name ? [] : [HEADER];
    await assertRejected(t, await compressPieces([...first, ...pieces]), message);
  });
}

test('rejects an entry whose extended header declares another length', async (t) => {
  const claimed = entry('data/000000/000000.copy', 'x', { pax: { size: '9000000000000000' } });
  await assertRejected(t, await compressPieces([HEADER, claimed]), /too long|truncated/);
});

test('rejects more tables than a dump may have without allocating memory for each', async (t) => {
  const many = function* () {
    yield HEADER;
    for (let table = 0; table < 20_001; table += 1) {
      yield part(table, 0);
    }
  };
  const bytes = await compressPieces(many());
  await assertRejected(t, bytes, FOREIGN);
});

test('allocates no memory for sizes that a small file declares', async (t) => {
  const bytes = await compressPieces([HEADER, part(3_000_000, 0)]);
  t.true(bytes.length < 500);
  const before = process.memoryUsage().rss;
  await t.throwsAsync(restore(bytes), { message: FOREIGN });
  t.true(process.memoryUsage().rss - before < 256 << 20);
});

test('rejects a compressed stream that needs a large window', async (t) => {
  const tar = await packPieces([
    HEADER,
    ...Array.from({ length: 24 }, (_, n) => part(0, n, Buffer.alloc(MAX_PART_BYTES))),
  ]);
  const bytes = zstdCompressSync(tar, { params: { [constants.ZSTD_c_windowLog]: 27 } });
  await assertRejected(t, bytes, /header is wrong/);
});

// Invalid manifests with a valid digest.

// biome-ignore lint/suspicious/noExplicitAny: a forged manifest has any form
type Edit = (manifest: any) => void;

for (const [what, edit, message] of [
  ['no name', (m) => (m.tenant.name = ''), /invalid at "tenant\.name"/],
  ['a name of spaces', (m) => (m.tenant.name = '  '), /invalid at "tenant\.name"/],
  ['a name with a line feed', (m) => (m.tenant.name = 'a\nb'), /invalid at "tenant\.name"/],
  ['a name with an escape sequence', (m) => (m.tenant.name = '\u001b[2J'), /invalid at "tenant\.name"/],
  ['a long name', (m) => (m.tenant.name = 'a'.repeat(256)), /invalid at "tenant\.name"/],
  ['a key generation of 0', (m) => (m.tenant.key_generation = 0), /tenant\.key_generation/],
  ['a negative key generation', (m) => (m.tenant.key_generation = -1), /tenant\.key_generation/],
  ['the last key generation', (m) => (m.tenant.key_generation = 2_147_483_647), /tenant\.key_generation/],
  ['half a key generation', (m) => (m.tenant.key_generation = 1.5), /tenant\.key_generation/],
  ['an unknown setting', (m) => (m.tenant.settings = { COLOUR: 'red' }), /tenant\.settings.*COLOUR/],
  [
    'a setting out of bounds',
    (m) => (m.tenant.settings = { STATEMENT_TIMEOUT: -1 }),
    /tenant\.settings.*STATEMENT_TIMEOUT/,
  ],
  ['settings that are a list', (m) => (m.tenant.settings = []), /tenant\.settings/],
  ['a status of no tenant', (m) => (m.tenant.status = 'spare'), /tenant\.status/],
  ['a day that is none', (m) => (m.tenant.paid_until = 'tomorrow'), /tenant\.paid_until/],
  ['a schema of PostgreSQL', (m) => (m.tenant.schema_name = 'pg_catalog'), /tenant\.schema_name/],
  ['an id that is none', (m) => (m.tenant.id = '1'), /tenant\.id/],
  ['a domain with a port', (m) => (m.domains = ['a.example:80']), /domains\.0/],
  ['a domain twice', (m) => (m.domains = ['a.example', 'A.example']), /"domains"/],
  ['a table twice', (m) => m.tables.push(m.tables[0]), /"tables"/],
  ['a column twice', (m) => m.tables[0].columns.push(m.tables[0].columns[0]), /tables\.0\.columns/],
  ['a table without a name', (m) => (m.tables[0].name = ''), /tables\.0\.name/],
  ['a name that PostgreSQL would cut', (m) => (m.tables[0].name = 'a'.repeat(64)), /tables\.0\.name/],
  [
    'more columns than tables have',
    (m) => (m.tables[0].columns = Array.from({ length: 1_601 }, (_, n) => `c${n}`)),
    /tables\.0\.columns/,
  ],
  ['rows in no bytes', (m) => (m.tables[0].rows = 5), /tables\.0\.rows/],
  ['negative rows', (m) => (m.tables[0].rows = -1), /tables\.0\.rows/],
  ['bytes beyond exact numbers', (m) => (m.tables[0].bytes = 2 ** 60), /tables\.0\.bytes/],
  [
    'bytes that the file does not have',
    (m) => Object.assign(m.tables[0], { bytes: 5, rows: 1 }),
    /checksum of table/,
  ],
  ['no table', (m) => (m.tables = []), /rows do not match/],
  ['a migration twice', (m) => m.migrations.push(m.migrations[0]), /"migrations"/],
  ['a sequence with a word', (m) => (m.sequences[0].last_value = 'one'), /sequences\.0\.last_value/],
  [
    'a sequence beyond bigint',
    (m) => (m.sequences[0].last_value = '9223372036854775808'),
    /sequences\.0\.last_value/,
  ],
  ['a sequence twice', (m) => m.sequences.push(m.sequences[0]), /"sequences"/],
  ['a negative sequence', (m) => (m.sequences[0].last_value = '-5'), /setval: value -5 is out of bounds/],
  ['a format that is no integer', (m) => (m.version = 1.5), /"version"/],
  ['a field of its own', (m) => (m.extra = 1), /manifest is invalid/],
] satisfies ReadonlyArray<readonly [string, Edit, RegExp]>) {
  test(`rejects a manifest with ${what}`, async (t) => {
    const pieces = await readPieces(sound);
    editManifest(pieces, edit);
    await assertRejected(t, await compressPieces(pieces), message);
  });
}

test('rejects rows of a table that is not in the manifest', async (t) => {
  const pieces = await readPieces(sound);
  pieces.splice(pieces.length - 2, 0, part(900, 0));
  await assertRejected(t, await compressPieces(pieces), /a table that is not in its manifest/);
});

// Written dumps can be read.

for (const day of ['infinity', '-infinity', '0044-03-15 BC', '12026-01-01', '2026-02-28', null]) {
  test.serial(`dumps and restores a tenant that is paid until ${day}`, async (t) => {
    await world.asOwner(`update public.tenants set paid_until = $1 where schema_name = 'globex'`, [day]);
    const file = join(folder, `paid-${day}.tenant`);
    await dumpTenant(world.owner, 'globex', {
      project: world.fleet.project,
      file,
      overwrite: false,
      declarations: {},
    });
    const schema = `paid_${(day ?? 'never').toLowerCase().replaceAll(/[^a-z0-9]/g, '_')}`;
    await restoreTenant(
      world.owner,
      { name: 'main', owner: world.owner, service: world.service },
      {
        project: world.fleet.project,
        file,
        schema: parseSchemaName(schema),
        domains: [parseDomainName(`${schema.replaceAll('_', 'x')}.localhost`)],
        asCopy: false,
        declarations: {},
      },
    );
    const [row] = await world.asOwner<{ same: boolean }>(
      `select a.paid_until is not distinct from b.paid_until as same
       from public.tenants as a, public.tenants as b
       where a.schema_name = 'globex' and b.schema_name = $1`,
      [schema],
    );
    t.true(row?.same);
  });
}

for (const [what, change, named] of [
  ['an unknown setting', `settings = '{"COLOUR": "red"}'`, /tenant\.settings.*COLOUR/],
  ['a name with a space at its end', `name = 'a '`, /tenant\.name/],
  ['the last key generation', 'key_generation = 2147483647', /tenant\.key_generation/],
] as const) {
  test.serial(`does not write a dump with ${what}, which could not be read`, async (t) => {
    await world.asOwner(
      `update public.tenants set settings = '{}', name = 'x', key_generation = 1 where schema_name = 'globex'`,
    );
    await world.asOwner(`update public.tenants set ${change} where schema_name = 'globex'`);
    const failing = dumpTenant(world.owner, 'globex', {
      project: world.fleet.project,
      file: join(folder, 'unwritten'),
      overwrite: false,
      declarations: {},
    });
    await t.throwsAsync(failing, { code: 'precondition_failed', message: named } as never);
  });
}
