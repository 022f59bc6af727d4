import { z } from 'zod';

import { OperatorError } from '../errors.ts';
import { parseProofKeys } from '../tenancy/context/keys.ts';
import { parseDatabases } from '../tenancy/registry/databases.ts';
import { type LaneLogins, NO_LANE_LOGINS, parseLaneLogins } from '../tenancy/registry/lane-logins.ts';
import type { TenancyApp, TenancyProject } from '../tenancy/registry/project.ts';
import { flag, oneOf, whole, wholeIfGiven } from '../tenancy/registry/setting-fields.ts';
import { domainName } from '../tenancy/registry/tenant.ts';
import { engineSettings, limitsOf, settingsSchemaOf } from '../tenancy/registry/tenant-settings.ts';
import { findUnknownVariables } from '../tenancy/registry/unknown-settings.ts';
import { FILE_VARIABLES } from './secret-files.ts';
import { isStrongSecret, SECRET_TOO_WEAK } from './secret-strength.ts';
import { parseTrustedProxies } from './trusted-proxies.ts';

const databaseUrl = z.url({ protocol: /^postgres(ql)?$/, error: 'must be a postgres:// URL' });
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
const PROXIES =
  'must be false, true, a number of hops from 1 to 9, or a comma-separated list of addresses and networks';
const secret = z
  .string()
  .min(32, {
    error: 'must have at least 32 characters; `openssl rand -base64 48` generates one',
    abort: true,
  })
  .refine(isStrongSecret, SECRET_TOO_WEAK);

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
      const keys = parseProofKeys(text);
      const weak = text.split(',').find((pair) => !isStrongSecret(pair.trim().split(':')[1] ?? ''));
      if (weak !== undefined) {
        throw new TypeError(`has a key "${weak.trim().split(':')[0]}" whose secret ${SECRET_TOO_WEAK}`);
      }
      return keys;
    } catch (error) {
      context.addIssue({ code: 'custom', message: (error as Error).message });
      return z.NEVER;
    }
  }),
  TENANCY_CONTEXT: oneOf('auto', 'guarded', 'signed').default('auto'),
  BASE_DOMAIN: domainName.default('localhost' as z.infer<typeof domainName>),
  DNS_SERVER: z
    .string()
    .regex(
      /^(\d{1,3}(\.\d{1,3}){3}|\[[0-9a-f:]+\])(:\d{1,5})?$/i,
      'must be an IP address, optionally with :port',
    )
    .optional(),
  BIND_ADDRESS: z.string().min(1).optional(),
  PORT: whole(0, 65_535, 8080),
  OTEL_EXPORTER_OTLP_ENDPOINT: z
    .url({ protocol: /^https?$/, error: 'must be an http:// or https:// URL' })
    .optional(),
  OTEL_SERVICE_NAME: z.string().min(1).default('koa-tenants'),
  METRICS_PORT: wholeIfGiven(0, 65_535),
  METRICS_ADDRESS: z.string().min(1).default('127.0.0.1'),
  METRICS_TOP_TENANTS: whole(0, 1_000, 20),
  WEB_CONCURRENCY: whole(1, 64, 1),
  LOG_LEVEL: oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent').default('info'),
  LANES: whole(1, 64, 2),
  LANE_LOGINS: z
    .string()
    .default('')
    .transform((text, context) => {
      try {
        return parseLaneLogins(text);
      } catch (error) {
        context.addIssue({ code: 'custom', message: (error as Error).message });
        return z.NEVER;
      }
    }),
  POOL_SIZE: whole(1, 500, 10),
  CONNECTION_MAX_AGE: whole(10, 86_400, 600),
  PREPARED_STATEMENTS: oneOf('on', 'off').default('on'),
  PREPARED_STATEMENTS_MEMORY: whole(1, 1_024, 32),
  CONNECT_TIMEOUT: whole(100, 60_000, 3_000),
  POOL_TIMEOUT: whole(10, 600_000, 3_000),
  REQUEST_TIMEOUT: whole(1, 600, 30),
  KEEP_ALIVE_TIMEOUT: whole(1, 600, 72),
  MAX_CONNECTIONS: whole(10, 1_000_000, 10_000),
  MAX_CONNECTIONS_PER_ADDRESS: whole(1, 1_000_000, 500),
  SHUTDOWN_DELAY: whole(0, 300, 0),
  SHUTDOWN_GRACE: whole(1, 600, 8),
  DIRECTORY_TTL: whole(1, 3_600, 60),
  SPARE_TENANTS: whole(0, 1_000, 0),
  OPERATOR: z
    .string()
    .regex(/^[^\p{Cc}]{1,255}$/u, 'must have 1 to 255 characters, without control characters')
    .optional(),
  OPERATIONS_CONCURRENCY: whole(1, 16, 2),
  OPERATIONS_DIRECTORY: z.string().min(1).optional(),
  OPERATIONS_KEEP_DAYS: whole(1, 3_650, 90),
  OPERATIONS_LEASE: whole(2, 600, 30),
  ALLOW_UNHARDENED: flag('false'),
  API_DOCS: flag('true'),
  CONSOLE: oneOf('on', 'off').default('on'),
  START_CHECK_TENANTS: whole(0, 1_000_000, 200),
  REDIRECT_TO_PRIMARY: flag('false'),
  REQUIRE_DOMAIN_VERIFICATION: flag('false'),
  SHOW_PUBLIC_IF_NO_TENANT_FOUND: flag('false'),
  TRUST_PROXY: z
    .string()
    .default('false')
    .transform((text, context) => {
      try {
        return parseTrustedProxies(text);
      } catch {
        context.addIssue({ code: 'custom', message: PROXIES });
        return z.NEVER;
      }
    }),
  SECURE_SSL_REDIRECT: flag('false'),
  SECURE_HSTS_SECONDS: whole(0, 63_072_000, 31_536_000),
  SECURE_HSTS_INCLUDE_SUBDOMAINS: flag('false'),
  SECURE_HSTS_PRELOAD: flag('false'),
  THROTTLE_STORE: z
    .url({ protocol: /^(postgres(ql)?|rediss?)$/, error: 'must be a postgres:// or redis:// URL' })
    .optional(),
  THROTTLE_STORE_TIMEOUT: whole(10, 60_000, 1_000),
  ...engineSettings,
});

/** Rejects combinations of variables that are valid separately. */
function assertConsistent(
  config: Pick<Config, 'LANES' | 'LANE_LOGINS' | 'SECURE_SSL_REDIRECT' | 'TRUST_PROXY'>,
  context: z.RefinementCtx,
): void {
  if (config.LANE_LOGINS.length > 0 && config.LANE_LOGINS.length < config.LANES) {
    context.addIssue({
      code: 'custom',
      path: ['LANE_LOGINS'],
      message: `must have a login for each of the ${config.LANES} LANES, and may have more for tenants that are pinned`,
    });
  }
  if (config.SECURE_SSL_REDIRECT && config.TRUST_PROXY === null) {
    context.addIssue({
      code: 'custom',
      path: ['SECURE_SSL_REDIRECT'],
      message:
        'requires TRUST_PROXY: without it, requests that a proxy received over HTTPS would be redirected endlessly',
    });
  }
}

/** The engine's settings. The apps' settings are in the same object: `appValues` returns them. */
export type Config = Readonly<z.infer<typeof environment>>;

/** Returns the logins of the lanes. The first LANES serve the tenants that are pinned to none. */
export const laneLoginsOf = ({
  LANE_LOGINS: logins,
  LANES,
}: Pick<Config, 'LANE_LOGINS' | 'LANES'>): LaneLogins =>
  logins.length === 0 ? NO_LANE_LOGINS : { logins, shared: LANES };

/** Returns every variable of an app. */
const appShape = ({ environment: own, settings }: TenancyApp): z.ZodRawShape => ({ ...own, ...settings });

const shapeOf = ({ apps }: TenancyProject): z.ZodRawShape =>
  Object.assign({}, ...apps.map(appShape), environment.shape);

/** Returns every variable that `readConfig` reads. */
export const configNames = (project: TenancyProject): readonly string[] => Object.keys(shapeOf(project));

type ConfigSchema = z.ZodType<Config>;

const schemas = new WeakMap<TenancyProject, ConfigSchema>();

/** Returns the schema of the variables of a project. Created once, because it is compiled when it is first used. */
function schemaOf(project: TenancyProject): ConfigSchema {
  const schema =
    schemas.get(project) ??
    (z
      .object(shapeOf(project))
      .superRefine((config, context) =>
        assertConsistent(config as Config, context),
      ) as unknown as ConfigSchema);
  schemas.set(project, schema);
  return schema;
}

/** Returns the values of an app's own variables. */
export const appValues = (app: TenancyApp, config: Config): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    Object.keys(appShape(app)).map((name) => [name, (config as Readonly<Record<string, unknown>>)[name]]),
  );

/**
 * Reads the configuration of the engine and of the project's apps.
 *
 * An empty variable counts as absent, because `docker --env-file` and Compose write it that way.
 * Error messages never contain values: they may be secrets.
 *
 * @throws OperatorError `configuration_invalid` naming every invalid variable
 */
export function readConfig(
  project: TenancyProject,
  env: Readonly<Record<string, string | undefined>>,
): Config {
  const names = configNames(project);
  const given = Object.fromEntries(names.map((name) => [name, env[name] === '' ? undefined : env[name]]));
  const result = schemaOf(project).safeParse(given);
  const limits = limitsOf(project);
  const misplaced = limits
    .filter((name) => (env[name] ?? '') !== '')
    .map((name) => `${name} is a limit of one tenant: set it with \`tenants settings\` or in a plan`);
  const unknownVariables = findUnknownVariables(Object.keys(env), {
    known: [...names, ...FILE_VARIABLES, ...limits],
    settings: Object.keys(settingsSchemaOf(project).shape),
    unknown: project.apps.flatMap(({ unknownSettings }) => unknownSettings),
  });
  if (result.success && unknownVariables.length + misplaced.length === 0) {
    return result.data;
  }
  const faults = (result.error?.issues ?? []).map(({ path, message }) => {
    const name = String(path[0]);
    return `${name} ${given[name] === undefined ? 'is not set' : message}`;
  });
  const lines = [...new Set([...faults, ...unknownVariables, ...misplaced])].map((fault) => `  ${fault}`);
  throw new OperatorError(
    'configuration_invalid',
    `Invalid configuration:\n${lines.join('\n')}\n.env.example of koa-tenants describes each setting.`,
  );
}
