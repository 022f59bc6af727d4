import { z } from 'zod';

import type { Project } from '../definition/define-project.ts';
import { NO_AUTHENTICATION } from '../http/authentication.ts';
import type { MiddlewareStacks } from '../http/middleware-stacks.ts';
import type { AppRouter } from '../http/openapi/document.ts';
import { permissionsOf, rowLimitsOf, type SchemaKind } from '../tenancy/registry/project.ts';
import { effectiveSettings, settingsSchemaOf } from '../tenancy/registry/tenant-settings.ts';
import { type ErasedDependencies, routersOfApp } from './routers-of-app.ts';
import { createStacks, type StackDependencies } from './stacks.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * A value in place of a dependency that routes receive when they are created and use when they are called: each of its
 * members, and the result of calling it, is the same value.
 */
const placeholder: unknown = new Proxy(() => {}, {
  // A promise would be awaited forever.
  get: (_target, name) =>
    name === 'then' ? undefined : name === Symbol.toPrimitive ? () => '' : placeholder,
  apply: () => placeholder,
});

/** Returns middleware stacks of which only the descriptions are used. */
const describedStacks = (): MiddlewareStacks =>
  createStacks({
    ...(placeholder as StackDependencies),
    tenantDatabase: placeholder as StackDependencies['tenantDatabase'],
    authentication: NO_AUTHENTICATION,
    settingsOf: placeholder as StackDependencies['settingsOf'],
    expected: placeholder as StackDependencies['expected'],
    requestLimit: placeholder as StackDependencies['requestLimit'],
    onLimit: () => {},
    shardOf: () => '',
    exportsPerShard: 1,
  });

/** A value for a variable whose presence alone adds routes, such as a secret. */
const PRESENT = 'described';

/** Returns the texts that a variable may have, among those of switches and choices. */
const choicesOf = (field: z.ZodType): readonly string[] => {
  const choices = (z.toJSONSchema(field, { io: 'output', unrepresentable: 'any' }).enum ?? []).filter(
    (choice) => typeof choice === 'string',
  );
  return ['true', 'false', ...choices].filter((value) => field.safeParse(value).success);
};

/** Returns the values of variables that differ from their defaults, and so may add routes. */
function changedVariables({ environment }: Pick<Project['apps'][number], 'environment'>) {
  return Object.fromEntries(
    Object.entries(environment).flatMap(([name, shape]) => {
      const field = shape as z.ZodType;
      const byDefault = field.safeParse(undefined);
      const changed = choicesOf(field).find((value) => field.parse(value) !== byDefault.data);
      if (changed !== undefined) {
        return [[name, field.parse(changed)]];
      }
      return byDefault.success && byDefault.data === undefined ? [[name, PRESENT]] : [];
    }),
  );
}

/** Creates the routers of one app whose variables differ from their defaults. None if it cannot be created so. */
function changedRouters(create: () => readonly AppRouter[]): readonly AppRouter[] {
  try {
    return create();
  } catch {
    return [];
  }
}

/**
 * Creates the routers of a project without a database and without starting its apps. They can be described, but not
 * called.
 *
 * `environment` has the variables of the routes. `'all'`: those of the defaults, and further routes that variables add.
 */
export async function createDescribedRouters(
  project: Project,
  kind: SchemaKind,
  environment: Environment | 'all' = {},
): Promise<readonly AppRouter[]> {
  const { apps } = project;
  const given = environment === 'all' ? {} : environment;
  const stacks = describedStacks();
  const modules = await Promise.all(apps.map(async (app) => ({ app, module: await app.routes() })));
  return modules.flatMap(({ app, module }) => {
    const own = z.object(app.environment).safeParse(given);
    const dependencies = {
      tenantDatabase: placeholder,
      settingsOf: placeholder,
      secrets: placeholder,
      directory: placeholder,
      throttle: placeholder,
      recentRequests: placeholder,
      log: placeholder,
      service: placeholder,
      permissions: permissionsOf(project),
      models: apps.flatMap(({ models }) => models),
      limits: rowLimitsOf(project),
      menu: [],
      idempotency: apps.some((each) => each.idempotency) ? placeholder : null,
      stacks,
    };
    const routers = (variables: object): readonly AppRouter[] =>
      routersOfApp(app, module, kind, {
        ...dependencies,
        environment: { ...own.data, BASE_DOMAIN: given.BASE_DOMAIN ?? 'localhost', ...variables },
      } as unknown as ErasedDependencies);
    return [
      ...routers({}),
      ...(environment === 'all' ? changedRouters(() => routers(changedVariables(app))) : []),
    ];
  });
}

/** Returns the settings of a tenant that overrides none, with the values of the environment that are valid. */
export function describedSettings(
  project: Project,
  kind: SchemaKind,
  environment: Environment = {},
): Readonly<Record<string, unknown>> {
  const schema = settingsSchemaOf(project);
  const defaults = Object.fromEntries(
    Object.entries(schema.shape).map(([name, field]) => {
      const parse = (value: string | undefined) => z.safeParse(field as z.ZodType, value);
      const given = parse(environment[name]);
      return [name, given.success ? given.data : parse(undefined).data];
    }),
  );
  return effectiveSettings(schema, defaults, { isSite: kind === 'site' }, {});
}
