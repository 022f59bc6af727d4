import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';

import { type EmbeddedPostgres, startEmbeddedPostgres } from './embedded-postgres/start-embedded-postgres.ts';

const secrets = z.object({ APP_SECRET: z.string(), TENANCY_KEYS: z.string(), appPassword: z.string() });
type Secrets = z.infer<typeof secrets>;

export type DevEnvironment = Readonly<{
  /** What readConfig needs, complete. */
  env: Readonly<Record<string, string | undefined>>;
  postgres: EmbeddedPostgres | null;
}>;

const random = (): string => randomBytes(32).toString('base64url');

/** The folder's own secrets, made once: a restart must not log everybody out. */
async function readSecrets(dataDir: string): Promise<Secrets> {
  const file = path.join(dataDir, 'secrets.json');
  try {
    return secrets.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      throw error;
    }
    const made = { APP_SECRET: random(), TENANCY_KEYS: `dev:${random()}`, appPassword: random() };
    await mkdir(dataDir, { recursive: true });
    await writeFile(file, JSON.stringify(made), { mode: 0o600 });
    return made;
  }
}

const withLogin = (url: string, user: string, password: string): string => {
  const other = new URL(url);
  other.username = user;
  other.password = password;
  return other.href;
};

/**
 * The environment of a working copy where nobody has configured anything: an
 * embedded PostgreSQL under `dataDir`, secrets made once, and mail as files. What is set in
 * `env` stands; with DATABASE_URL set, no PostgreSQL is started.
 */
export async function openDevEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  { dataDir, isRoot }: { dataDir: string; isRoot: boolean },
): Promise<DevEnvironment> {
  const { appPassword, ...secret } = await readSecrets(dataDir);
  const made = {
    ...secret,
    // Its demo passwords are published: only this machine may reach it.
    BIND_ADDRESS: '127.0.0.1',
    MAIL_DIR: path.join(dataDir, 'mail'),
    EMAIL_FRONTEND_PROTOCOL: 'http',
    EMAIL_FRONTEND_PORT: env.PORT === '0' ? undefined : (env.PORT ?? '8080'),
  };
  if (env.DATABASE_URL) {
    return { env: { ...made, ...env }, postgres: null };
  }
  const postgres = await startEmbeddedPostgres({ dataDir: path.join(dataDir, 'postgres'), isRoot });
  return {
    env: {
      ...made,
      OWNER_DATABASE_URL: postgres.url,
      DATABASE_URL: withLogin(postgres.url, 'app', appPassword),
      ...env,
    },
    postgres,
  };
}
