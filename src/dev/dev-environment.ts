import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';

import { type EmbeddedPostgres, startEmbeddedPostgres } from './embedded-postgres/start-embedded-postgres.ts';

const secrets = z.object({ APP_SECRET: z.string(), TENANCY_KEYS: z.string(), appPassword: z.string() });
type Secrets = z.infer<typeof secrets>;

export type DevEnvironment = Readonly<{
  /** The complete input of readConfig. */
  env: Readonly<Record<string, string | undefined>>;
  postgres: EmbeddedPostgres | null;
}>;

const random = (): string => randomBytes(32).toString('base64url');

/** Reads the folder's secrets, or creates them: a restart must not invalidate sessions. */
async function readSecrets(dataDir: string): Promise<Secrets> {
  const file = path.join(dataDir, 'secrets.json');
  try {
    return secrets.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      throw error;
    }
    const created = { APP_SECRET: random(), TENANCY_KEYS: `dev:${random()}`, appPassword: random() };
    await mkdir(dataDir, { recursive: true });
    await writeFile(file, JSON.stringify(created), { mode: 0o600 });
    return created;
  }
}

const isPort = (text: string): boolean => /^[1-9]\d{0,4}$/.test(text) && Number(text) <= 65_535;

const withLogin = (url: string, user: string, password: string): string => {
  const other = new URL(url);
  other.username = user;
  other.password = password;
  return other.href;
};

/**
 * Creates the environment of a working copy without configuration: an embedded PostgreSQL under
 * `dataDir`, generated secrets, and mail as files. Variables in `env` take precedence. With
 * DATABASE_URL set, no PostgreSQL is started.
 */
export async function openDevEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  { dataDir, isRoot }: { dataDir: string; isRoot: boolean },
): Promise<DevEnvironment> {
  const { appPassword, ...secret } = await readSecrets(dataDir);
  const created = {
    ...secret,
    // The demo passwords are published, so only this machine may connect.
    BIND_ADDRESS: '127.0.0.1',
    MAIL_DIR: path.join(dataDir, 'mail'),
    OPERATIONS_DIRECTORY: path.join(dataDir, 'dumps'),
    EMAIL_FRONTEND_PROTOCOL: 'http',
    SIGNUP: 'open',
    // An invalid PORT is reported as such, and not as this variable too.
    EMAIL_FRONTEND_PORT: isPort(env.PORT ?? '8080') ? (env.PORT ?? '8080') : undefined,
  };
  if (env.DATABASE_URL) {
    return { env: { ...created, ...env }, postgres: null };
  }
  const postgres = await startEmbeddedPostgres({ dataDir: path.join(dataDir, 'postgres'), isRoot });
  return {
    env: {
      ...created,
      OWNER_DATABASE_URL: postgres.url,
      DATABASE_URL: withLogin(postgres.url, 'app', appPassword),
      ...env,
    },
    postgres,
  };
}
