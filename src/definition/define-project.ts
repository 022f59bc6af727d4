import { type DomainError, OperatorError } from '../errors.ts';
import type { OpenAuthentication } from '../http/authentication.ts';
import type { ApiInfo, ApiSecurity } from '../http/openapi/document.ts';
import type { Extension } from '../tenancy/registry/project.ts';
import type { App } from './app.ts';
import { assertExtensions } from './define-app.ts';

/** The apps of an installation. Passed to everything that migrates, serves or runs commands. */
export type Project = Readonly<{
  apps: readonly App[];
  /** How requests identify a user. Null: no request has credentials. */
  authentication: OpenAuthentication | null;
  /** Extensions of PostgreSQL in addition to those that the apps declare. */
  extensions: readonly Extension[];
  /** Texts about the API in its OpenAPI documents. */
  api: Partial<ApiInfo>;
  /** How clients send credentials, from the app that provides the authentication. Null: as bearer tokens. */
  security: ApiSecurity | null;
}>;

const invalid = (message: string): DomainError => new OperatorError('configuration_invalid', message);

/** Returns the apps with each app after those that it needs. Otherwise keeps their order. */
function inOrderOfNeeds(apps: readonly App[]): readonly App[] {
  const byName = new Map(apps.map((app) => [app.name, app]));
  const ordered = new Set<App>();
  const visit = (app: App, path: readonly string[]): void => {
    if (path.includes(app.name)) {
      throw invalid(`Circular dependency of apps: ${[...path, app.name].join(', ')}.`);
    }
    for (const name of app.needs) {
      const needed = byName.get(name);
      if (!needed) {
        throw invalid(`The app "${app.name}" requires the app "${name}", which is not in the project.`);
      }
      const missing = app.on.find((kind) => !needed.on.includes(kind));
      if (missing) {
        throw invalid(
          `The app "${app.name}" has tables on "${missing}" and requires "${name}", which has none there. Add "${missing}" to its \`on\`.`,
        );
      }
      visit(needed, [...path, app.name]);
    }
    ordered.add(app);
  };
  for (const app of apps) {
    visit(app, []);
  }
  return [...ordered];
}

/**
 * Rejects names that two apps declare.
 *
 * @throws OperatorError `configuration_invalid`
 */
function assertDistinct(apps: readonly App[], what: string, namesOf: (app: App) => object): void {
  const owners = new Map<string, string>();
  for (const app of apps) {
    for (const name of Object.keys(namesOf(app))) {
      const other = owners.get(name);
      if (other !== undefined) {
        throw invalid(`The apps "${other}" and "${app.name}" both declare the ${what} "${name}".`);
      }
      owners.set(name, app.name);
    }
  }
}

/**
 * Creates a project from apps.
 *
 * @throws OperatorError `configuration_invalid` for two apps with one name, for needs that cannot be met, and for an
 *   extension that tenants must not use
 */
export function defineProject({
  apps,
  authentication = null,
  extensions = [],
  api = {},
}: {
  apps: readonly App[];
  authentication?: OpenAuthentication | null;
  extensions?: readonly Extension[];
  /** Default: a title, and version 1.0.0. */
  api?: Partial<ApiInfo>;
}): Project {
  // A project in JavaScript, or one that runs before its types were checked.
  if (!Array.isArray(apps) || apps.some((app) => typeof app?.name !== 'string')) {
    throw invalid('`apps` of defineProject must be an array of values that defineApp returned.');
  }
  assertExtensions('The project', extensions);
  const names = apps.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) {
    throw invalid(`The project has two apps named "${twice}".`);
  }
  const [store, another] = apps.filter(({ idempotency }) => idempotency);
  if (store && another) {
    throw invalid(`The apps "${store.name}" and "${another.name}" both declare \`idempotency\`.`);
  }
  const [first, second] = apps.filter(({ owners }) => owners);
  if (first && second) {
    throw invalid(`The apps "${first.name}" and "${second.name}" both declare \`owners\`.`);
  }
  assertDistinct(apps, 'table', ({ tables }) => tables);
  assertDistinct(apps, 'model', ({ models }) =>
    Object.fromEntries(models.map(({ model }) => [model, model])),
  );
  assertDistinct(apps, 'permission', ({ permissions }) => permissions);
  assertDistinct(apps, 'constraint', ({ violations }) => violations);
  assertDistinct(apps, 'setting', ({ settings, environment, limits }) => ({
    ...settings,
    ...environment,
    ...limits,
  }));
  const security = apps.find(
    (app) => authentication !== null && app.authentication === authentication,
  )?.security;
  return { apps: inOrderOfNeeds(apps), authentication, extensions, api, security: security ?? null };
}
