import type { App } from '../definition/app.ts';
import type { RouteDependencies } from '../definition/dependencies.ts';
import type { AppRouter } from '../http/openapi/document.ts';
import type { SchemaKind } from '../tenancy/registry/project.ts';

/** The dependencies of an app's routes, without its own types. */
export type ErasedDependencies = RouteDependencies<never, never, unknown>;

/** The module that `defineApp({ routes })` loads. */
export type RoutesModule = Awaited<ReturnType<App['routes']>>;

/** Creates the routers of one app for the hosts of a kind. */
export const routersOfApp = (
  { name, on }: Pick<App, 'name' | 'on'>,
  { routes, siteRoutes, tenantRoutes }: RoutesModule,
  kind: SchemaKind,
  dependencies: ErasedDependencies,
): readonly AppRouter[] =>
  [
    ...(routes && on.includes(kind) ? [routes(dependencies)] : []),
    ...(siteRoutes && kind === 'site' ? [siteRoutes(dependencies)] : []),
    ...(tenantRoutes && kind === 'tenant' ? [tenantRoutes(dependencies)] : []),
  ].map((router) => ({ app: name, router }));
