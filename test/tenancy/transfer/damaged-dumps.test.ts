import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import test from 'ava';
import { dumpTenant } from '../../../src/tenancy/transfer/dump/dump-tenant.ts';
import type { World } from '../../helpers/world.ts';
import { type DumpFixture, openDumpFixture, type RestoreRequest, TABLES } from './dump-fixture.ts';
import { compressPieces, findPiece, type Piece, readPieces } from './forge-dump.ts';
import { traces } from './traces.ts';
import { insertVariedRows } from './varied-tables.ts';

let fixture: DumpFixture;
let world: World;
let elsewhere: World;
let folder: string;
let dumpFile: string;
let restore: DumpFixture['restore'];

test.serial.before(async () => {
  fixture = await openDumpFixture();
  ({ world, elsewhere, folder, dumpFile, restore } = fixture);
});
test.after.always(() => fixture?.close());

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
