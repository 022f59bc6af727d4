import { z } from 'zod';

import { OperatorError } from '../../errors.ts';
import type { TenancyProject } from './project.ts';
import { flag, originPatterns, origins, whole } from './setting-fields.ts';

/** The engine's own settings of a tenant. Times are in milliseconds. docs/limits.md explains each setting. */
export const engineSettings = {
  TENANT_REQUESTS_PER_MINUTE: whole(0, 10_000_000, 0),
  TENANT_CONCURRENCY: whole(0, 500, 0),
  STATEMENT_TIMEOUT: whole(10, 600_000, 10_000),
  IDLE_IN_TRANSACTION_TIMEOUT: whole(10, 600_000, 10_000),
  MAX_RESPONSE_BYTES: whole(1_024, 1_073_741_824, 10_485_760),
  MAX_RESULT_BYTES: whole(1_024, 1_073_741_824, 16_777_216),
  EXPORT_TIMEOUT: whole(10, 3_600_000, 120_000),
  MAX_SEARCH_LENGTH: whole(1, 10_000, 500),
  MAX_SEARCH_WORDS: whole(1, 1_000, 20),
  MAX_FILTER_VALUES: whole(1, 10_000, 100),
  // Names of django-cors-headers.
  CORS_ALLOWED_ORIGINS: origins(),
  CORS_ALLOWED_ORIGIN_REGEXES: originPatterns(),
  CORS_ALLOW_CREDENTIALS: flag('false'),
};

/** The engine's part of a tenant's settings. Apps add their own. */
export type TenantSettings = Readonly<z.infer<z.ZodObject<typeof engineSettings>>>;

/** Every setting that a tenant may override, of the engine and of the apps. */
export type SettingsSchema = Readonly<{
  shape: z.ZodRawShape;
  /** Settings of the public site that differ from the environment's. */
  siteValues: Readonly<Record<string, unknown>>;
  /** Names of limits that only a tenant's row sets. 0: no limit. */
  limits: readonly string[];
}>;

/** Maximum MiB of a tenant's tables and indexes, which the trigger of every limit checks. */
const STORAGE_LIMIT = 'TENANT_STORAGE_MB';

const MAX_LIMIT = 999_999_999;

/** Returns the names of the limits that only a tenant's row sets, because triggers read them there. */
export const limitsOf = ({ apps }: Pick<TenancyProject, 'apps'>): readonly string[] => [
  STORAGE_LIMIT,
  ...apps.flatMap(({ limits }) => Object.keys(limits)),
];

export const settingsSchemaOf = (project: TenancyProject): SettingsSchema => {
  const { apps } = project;
  const limits = limitsOf(project);
  return {
    shape: Object.assign(
      {},
      ...apps.map(({ settings }) => settings),
      Object.fromEntries(limits.map((name) => [name, whole(0, MAX_LIMIT, 0)])),
      engineSettings,
    ),
    siteValues: Object.assign({}, ...apps.map(({ siteSettings }) => siteSettings)),
    limits,
  };
};

/**
 * Parses the overrides in a tenant's row. Values may be JSON's true and 300, or the same as text.
 *
 * @throws OperatorError `configuration_invalid` naming every unknown setting and every invalid value
 */
export function parseOverrides(
  { shape }: Pick<SettingsSchema, 'shape'>,
  settings: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const faults: string[] = [];
  const overrides: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(settings)) {
    const field = Object.hasOwn(shape, name) ? shape[name] : undefined;
    if (!field) {
      faults.push(`${name} is not a setting of a tenant`);
      continue;
    }
    const plain = ['string', 'number', 'boolean'].includes(typeof value) ? String(value) : null;
    const result = z.safeParse(field, plain);
    if (result.success) {
      overrides[name] = result.data;
    } else {
      faults.push(`${name} ${result.error.issues[0]?.message ?? 'is not valid'}`);
    }
  }
  if (faults.length > 0) {
    throw new OperatorError(
      'configuration_invalid',
      `${faults.join('; ')}. \`tenants settings\` lists the settings of tenants.`,
    );
  }
  return overrides;
}

/**
 * Returns the effective settings of a tenant: the environment's values, overridden by those of its
 * row.
 *
 * @throws OperatorError `configuration_invalid`
 */
export const effectiveSettings = <Defaults extends object>(
  schema: SettingsSchema,
  defaults: Defaults,
  { isSite }: { isSite: boolean },
  overrides: Readonly<Record<string, unknown>>,
): Defaults => ({
  ...Object.fromEntries(schema.limits.map((name) => [name, 0])),
  ...defaults,
  ...(isSite ? schema.siteValues : {}),
  ...parseOverrides(schema, overrides),
});
