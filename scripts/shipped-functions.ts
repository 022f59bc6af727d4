import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withAdminConnection } from '../src/db/admin/admin-connection.ts';
import { startEmbeddedPostgres } from '../src/dev/embedded-postgres/start-embedded-postgres.ts';
import { installShared } from '../src/tenancy/install/install.ts';
import type { ContextMode } from '../src/tenancy/install/shared-files.ts';

const FILE = join(import.meta.dirname, '..', 'sql', 'checks', 'rewritten-functions.sql');
const LIST = /(?<=values\n {4}-- Made by scripts\/shipped-functions\.ts\.\n)[\s\S]*?(?=\n\),\nfound as \()/;

type Function = Readonly<{ identity: string; digest: string }>;

/** Returns the query of a check that reads the functions of a database. */
const question = (check: string): string =>
  `${check.split(/,\n(?=in_force as \()/)[0]} select f.identity, f.digest from found as f order by f.identity`;

/** Writes the functions of a fresh installation into the check, for both context modes. */
async function write(url: string): Promise<void> {
  const check = readFileSync(FILE, 'utf8');
  const read = async (contextMode: ContextMode): Promise<readonly Function[]> => {
    const owner = { connectionString: url };
    const key = { id: 'scratch', secret: randomBytes(32) };
    await installShared(owner, { service: 'app', servicePassword: null, keys: [key], contextMode });
    return withAdminConnection(owner, async (client) => (await client.query<Function>(question(check))).rows);
  };
  const guarded = await read('guarded');
  const signed = new Map((await read('signed')).map(({ identity, digest }) => [identity, digest]));
  const row = (identity: string, contextMode: ContextMode | null, digest: string): string =>
    `    (\n      '${identity}', ${contextMode ? `'${contextMode}'` : 'null'},\n      '${digest}'\n    )`;
  const rows = guarded.flatMap(({ identity, digest }) =>
    digest === signed.get(identity)
      ? [row(identity, null, digest)]
      : [row(identity, 'guarded', digest), row(identity, 'signed', signed.get(identity) ?? '')],
  );
  if (!LIST.test(check) || rows.length === 0) {
    throw new TypeError(`${FILE} has no list to write.`);
  }
  writeFileSync(FILE, check.replace(LIST, rows.join(',\n')));
  process.stdout.write(`${rows.length} functions.\n`);
}

const folder = mkdtempSync(join(tmpdir(), 'koa-tenants-functions-'));
try {
  const server = await startEmbeddedPostgres({ dataDir: folder, durable: false });
  try {
    await write(server.url);
  } finally {
    await server.stop();
    rmSync(server.dataDir, { recursive: true, force: true });
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
