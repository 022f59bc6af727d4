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

/**
 * Creates the routers of a project without a database and without starting its apps. They can be described, but not
 * called.
 */
export async function createDescribedRouters(
  project: Project,
  kind: SchemaKind,
  environment: Environment = {},
): Promise<readonly AppRouter[]> {
  const { apps } = project;
  const stacks = describedStacks();
  const modules = await Promise.all(apps.map(async (app) => ({ app, module: await app.routes() })));
  return modules.flatMap(({ app, module }) => {
    const own = z.object(app.environment).safeParse(environment);
    const dependencies = {
      tenantDatabase: placeholder,
      settingsOf: placeholder,
      secrets: placeholder,
      directory: placeholder,
      throttle: placeholder,
      recentRequests: placeholder,
      service: placeholder,
      permissions: permissionsOf(project),
      models: apps.flatMap(({ models }) => models),
      limits: rowLimitsOf(project),
      menu: [],
      idempotency: apps.some((each) => each.idempotency) ? placeholder : null,
      environment: { ...own.data, BASE_DOMAIN: environment.BASE_DOMAIN ?? 'localhost' },
      stacks,
    };
    return routersOfApp(app, module, kind, dependencies as unknown as ErasedDependencies);
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
