import type { z } from 'zod';

import { type DomainError, OperatorError } from '../errors.ts';
import { declarePermissions } from '../http/permission-names.ts';
import { EXTENSIONS, type TenancyApp } from '../tenancy/registry/project.ts';
import type { App, AppDefinition, Closing } from './app.ts';
import type { None } from './dependencies.ts';
import { splitTables } from './models.ts';

type Key =
  | 'needs'
  | 'on'
  | 'tables'
  | 'settings'
  | 'limits'
  | 'siteSettings'
  | 'environment'
  | 'unknownSettings'
  | 'permissions';

const NAME = /^[a-z][a-z0-9_]{0,39}$/;
const PERMISSION = /^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]{0,59}$/;

const invalid = (message: string): DomainError => new OperatorError('configuration_invalid', message);

/** @throws OperatorError `configuration_invalid` for a name that does not belong to the app */
function assertPermissionNames(app: string, names: readonly string[]): void {
  const wrong = names.find((name) => !name.startsWith(`${app}.`) || !PERMISSION.test(name));
  if (wrong !== undefined) {
    throw invalid(
      `The permission "${wrong}" of the app "${app}" must be ${app}. and up to 60 lowercase letters, digits and underscores, such as ${app}.publish.`,
    );
  }
}

/** @throws OperatorError `configuration_invalid` for an extension that is not on the list */
export function assertExtensions(object: string, extensions: readonly string[]): void {
  const listed: readonly string[] = EXTENSIONS;
  const other = extensions.find((name) => !listed.includes(name));
  if (other !== undefined) {
    throw invalid(`${object} declares the extension "${other}". Tenants may use: ${EXTENSIONS.join(', ')}.`);
  }
}

/**
 * Creates an app for `defineProject`.
 *
 * @throws OperatorError `configuration_invalid` for an invalid name of the app, of a setting or of a permission, for
 *   an extension that tenants must not use, and for an invalid declaration of a model
 */
export function defineApp<
  Settings extends z.ZodRawShape = None,
  Environment extends z.ZodRawShape = None,
  Service extends Closing = Closing,
>(definition: AppDefinition<Settings, Environment, Service>): App {
  const { name, settings = {}, environment = {}, limits = {}, freeSettingNames = false } = definition;
  if (!NAME.test(name)) {
    throw invalid(
      `"${name}" is not a valid app name. Use up to 40 lowercase letters, digits and underscores, starting with a letter.`,
    );
  }
  const prefix = `${name.toUpperCase()}_`;
  for (const setting of Object.keys({ ...settings, ...environment, ...limits })) {
    if (!freeSettingNames && !setting.startsWith(prefix)) {
      throw invalid(`The setting ${setting} of the app "${name}" must begin with ${prefix}.`);
    }
  }
  const permissions = definition.permissions ?? {};
  assertPermissionNames(name, Object.keys(permissions));
  declarePermissions(Object.keys(permissions));
  const extensions = definition.extensions ?? [];
  assertExtensions(`The app "${name}"`, extensions);
  const on = definition.on ?? ['tenant'];
  const { tables, models } = splitTables(
    { name, on, permissions: Object.keys(permissions) },
    definition.tables ?? {},
  );
  const { onTenantCreated, onRestored, onCloned, onRenamed, onDeleted } = definition;
  const described: TenancyApp & Pick<TenancyApp, Key> = {
    name,
    directory: definition.directory,
    needs: definition.needs ?? [],
    on,
    tables,
    settings,
    limits,
    siteSettings: definition.siteSettings ?? {},
    environment,
    unknownSettings: definition.unknownSettings ?? [],
    permissions,
    hooks: { onTenantCreated, onRestored, onCloned, onRenamed, onDeleted },
    dueWork: definition.dueWork ?? [],
    extensions,
  };
  return {
    ...described,
    models,
    violations: definition.violations ?? {},
    routes: (definition.routes ?? (async () => ({}))) as App['routes'],
    menu: definition.menu ?? [],
    start: (definition.start ?? (async () => ({}))) as App['start'],
    authentication: definition.authentication ?? null,
    security: definition.security ?? null,
    idempotency: definition.idempotency ?? null,
    owners: definition.owners ?? null,
    jobs: (definition.jobs ?? (async () => ({ jobs: () => [] }))) as App['jobs'],
    operations: (definition.operations ?? (async () => ({ operations: () => [] }))) as App['operations'],
    commands: definition.commands ?? (async () => ({ commands: [] })),
    attacks: definition.attacks ?? (async () => ({ attacks: [] })),
    diagnose: (definition.diagnose ?? (async () => ({ probes: [], advice: [] }))) as App['diagnose'],
    demo: definition.demo ?? null,
  };
}
