import { z } from 'zod';

import { DomainError } from './errors.ts';
import { parseDatabases } from './tenancy/databases.ts';
import { parseProofKeys } from './tenancy/keys.ts';
import { domainName } from './tenancy/tenant.ts';

const whole = (min: number, max: number, standard: number) => {
  const error = `is not a whole number from ${min} to ${max}`;
  return z.coerce.number({ error }).int(error).min(min, error).max(max, error).default(standard);
};
const oneOf = <const T extends string>(...names: readonly T[]) =>
  z.enum(names, { error: `is not one of ${names.join(', ')}` });
const flag = oneOf('true', 'false')
  .default('false')
  .transform((text) => text === 'true');
const databaseUrl = z.url({ protocol: /^postgres(ql)?$/, error: 'is not a postgres:// URL' });
const databases = z
  .string()
  .default('')
  .transform((text, context) => {
    try {
      return parseDatabases(text);
    } catch (error) {
      context.addIssue({ code: 'custom', message: (error as Error).message });
      return z.NEVER;
    }
  });
const secret = z.string().min(32, 'has fewer than 32 characters');

const environment = z.object({
  DATABASE_URL: databaseUrl,
  OWNER_DATABASE_URL: databaseUrl.optional(),
  LISTEN_DATABASE_URL: databaseUrl.optional(),
  DATABASES: databases,
  OWNER_DATABASES: databases,
  APP_SECRET: secret,
  APP_SECRET_PREVIOUS: secret.optional(),
  TENANCY_KEYS: z.string().transform((text, context) => {
    try {
      return parseProofKeys(text);
    } catch (error) {
      context.addIssue({ code: 'custom', message: (error as Error).message });
      return z.NEVER;
    }
  }),
  TENANCY_CONTEXT: oneOf('auto', 'guarded', 'signed').default('auto'),
  BASE_DOMAIN: domainName.default('localhost' as z.infer<typeof domainName>),
  BIND_ADDRESS: z.string().min(1).optional(),
  PORT: whole(0, 65_535, 8080),
  LOG_LEVEL: oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent').default('info'),
  LANES: whole(1, 64, 2),
  POOL_SIZE: whole(1, 500, 10),
  CONNECTION_MAX_AGE: whole(10, 86_400, 600),
  CONNECT_TIMEOUT: whole(100, 60_000, 3_000),
  STATEMENT_TIMEOUT: whole(10, 600_000, 10_000),
  DIRECTORY_TTL: whole(1, 3_600, 60),
  ACCESS_TOKEN_LIFETIME: whole(10, 86_400, 300),
  REFRESH_TOKEN_LIFETIME: whole(60, 31_536_000, 86_400),
  ALLOW_UNHARDENED: flag,
  REDIRECT_TO_PRIMARY: flag,
  SHOW_PUBLIC_IF_NO_TENANT_FOUND: flag,
  TRUST_PROXY: flag,
});

export type Config = Readonly<z.infer<typeof environment>>;

/** Every variable that `readConfig` reads. */
export const CONFIG_NAMES: readonly string[] = Object.keys(environment.shape);

/**
 * Reads the whole configuration at once.
 *
 * An empty variable counts as absent, as `docker --env-file` and Compose write
 * it. Values never reach the message: they may be secrets.
 *
 * @throws DomainError `configuration_invalid` naming every faulty variable
 */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const given = Object.fromEntries(
    CONFIG_NAMES.map((name) => [name, env[name] === '' ? undefined : env[name]]),
  );
  const result = environment.safeParse(given);
  if (result.success) {
    return result.data;
  }
  const faults = result.error.issues.map(({ path, message }) => {
    const name = String(path[0]);
    return `  ${name} ${given[name] === undefined ? 'is not set' : message}`;
  });
  throw new DomainError(
    'configuration_invalid',
    `The environment is not usable:\n${[...new Set(faults)].join('\n')}\nSee .env.example for what each one means.`,
  );
}
