import { DomainError } from '../errors.ts';
import { EXTENSIONS, type Extension, type SchemaKind, type TenancyApp } from '../tenancy/registry/project.ts';

/** One app of a project: its tables, and what serves them. */
export type App = TenancyApp;

/** What `defineApp` takes. docs/apps.md explains each key. */
export type AppDefinition = Readonly<{
  /** Lowercase letters, digits and underscores. Also the name of the app's folders of SQL and migrations. */
  name: string;
  /** `import.meta.dirname` of the app's own folder. */
  directory: string;
  /** Apps whose tables the foreign keys of this one refer to. Default: none. */
  needs?: readonly string[];
  /** Schemas that have the app's tables, and hosts that serve its routes. Default: tenants'. */
  on?: readonly SchemaKind[];
  /** Extensions of PostgreSQL that its tables use; docs/global-tables.md lists those that may be used. Default: none. */
  extensions?: readonly Extension[];
}>;

const NAME = /^[a-z][a-z0-9_]{0,39}$/;

/** @throws DomainError `configuration_invalid` for one that is not on the list */
export function assertExtensions(object: string, extensions: readonly string[]): void {
  const listed: readonly string[] = EXTENSIONS;
  const other = extensions.find((name) => !listed.includes(name));
  if (other !== undefined) {
    throw new DomainError(
      'configuration_invalid',
      `${object} declares the extension "${other}". Tenants may use: ${EXTENSIONS.join(', ')}.`,
    );
  }
}

/**
 * Makes an app, to be listed in `defineProject`.
 *
 * @throws DomainError `configuration_invalid`
 */
export function defineApp({
  name,
  directory,
  needs = [],
  on = ['tenant'],
  extensions = [],
}: AppDefinition): App {
  if (!NAME.test(name)) {
    throw new DomainError(
      'configuration_invalid',
      `"${name}" is not a name of an app: use up to 40 lowercase letters, digits and underscores, a letter first.`,
    );
  }
  assertExtensions(`The app "${name}"`, extensions);
  return { name, directory, needs, on, extensions };
}
