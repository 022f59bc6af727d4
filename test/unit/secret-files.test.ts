import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { withSecretFiles } from '../../src/config/secret-files.ts';
import { DomainError } from '../../src/errors.ts';

let folder: string;
const file = async (text: string): Promise<string> => {
  const path = join(folder, `${Math.random()}`);
  await writeFile(path, text);
  return path;
};
const refusal = (env: Record<string, string>): string => {
  try {
    withSecretFiles(env);
  } catch (error) {
    return error instanceof DomainError && error.code === 'configuration_invalid'
      ? error.message
      : String(error);
  }
  return 'none';
};

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'koa-tenants-secrets-'));
});

test.after.always(() => rm(folder, { recursive: true, force: true }));

test('reads a secret from a file, with or without a final line break', async (t) => {
  for (const [text, secret] of [
    ['a secret', 'a secret'],
    ['a secret\n', 'a secret'],
    ['a secret\r\n', 'a secret'],
    [' spaces are part of it \n', ' spaces are part of it '],
    ['two\nlines\n', 'two\nlines'],
  ] as const) {
    t.is(withSecretFiles({ APP_SECRET_FILE: await file(text) }).APP_SECRET, secret);
  }
});

test('keeps a value without a file', (t) => {
  t.deepEqual(withSecretFiles({ APP_SECRET: 'x', APP_SECRET_FILE: '', PORT: '1' }), {
    APP_SECRET: 'x',
    APP_SECRET_FILE: '',
    PORT: '1',
  });
});

test('reads a password of any characters from a separate file', async (t) => {
  const password = 'p@ss:/?#[]%20ü word';
  const env = withSecretFiles({
    DATABASE_URL: 'postgres://app@db:5432/app?sslmode=verify-full',
    LISTEN_DATABASE_URL: 'postgres://app@direct/app',
    OWNER_DATABASE_URL: 'postgres://owner:own@db/app',
    DATABASE_PASSWORD_FILE: await file(`${password}\n`),
  });
  for (const name of ['DATABASE_URL', 'LISTEN_DATABASE_URL']) {
    const url = new URL(env[name] ?? '');
    t.deepEqual([url.username, decodeURIComponent(url.password)], ['app', password]);
  }
  t.regex(env.DATABASE_URL ?? '', /@db:5432\/app\?sslmode=verify-full$/);
  t.is(env.OWNER_DATABASE_URL, 'postgres://owner:own@db/app');
});

test('rejects a secret that is set twice', async (t) => {
  const secret = await file('secret');
  t.regex(
    refusal({ APP_SECRET: 'x', APP_SECRET_FILE: secret }),
    /^APP_SECRET and APP_SECRET_FILE are both set/,
  );
  t.regex(
    refusal({ OWNER_DATABASE_URL: 'postgres://a:b@c/d', OWNER_DATABASE_PASSWORD_FILE: secret }),
    /^OWNER_DATABASE_URL contains a password and OWNER_DATABASE_PASSWORD_FILE is set too/,
  );
});

test('names a missing file by its variable, because its name can be the secret', (t) => {
  const message = refusal({ TENANCY_KEYS_FILE: '/no/such/place' });
  t.is(message, 'The file of TENANCY_KEYS_FILE cannot be read: ENOENT.');
  t.regex(refusal({ TENANCY_KEYS_FILE: folder }), /TENANCY_KEYS_FILE cannot be read: EISDIR/);
});
