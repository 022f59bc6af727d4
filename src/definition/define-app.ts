import { DomainError } from '../errors.ts';
import type { SchemaKind, TenancyApp } from '../tenancy/registry/project.ts';

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
}>;

const NAME = /^[a-z][a-z0-9_]{0,39}$/;

/**
 * Makes an app, to be listed in `defineProject`.
 *
 * @throws DomainError `configuration_invalid`
 */
export function defineApp({ name, directory, needs = [], on = ['tenant'] }: AppDefinition): App {
  if (!NAME.test(name)) {
    throw new DomainError(
      'configuration_invalid',
      `"${name}" is not a name of an app: use up to 40 lowercase letters, digits and underscores, a letter first.`,
    );
  }
  return { name, directory, needs, on };
}
