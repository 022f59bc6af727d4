import type { Project } from './definition/define-project.ts';

export type { ScriptContext, TenantScript } from './cli/commands/data/run.ts';
export type { ScriptSettings } from './cli/commands/data/run-in-tenant.ts';
export type {
  AppCommands,
  AppDemo,
  AppDiagnosis,
  RouteDependencies,
  StartDependencies,
} from './definition/define-app.ts';
export { defineApp } from './definition/define-app.ts';
export { defineProject, type Project } from './definition/define-project.ts';
export { DomainError, Unavailable, ValidationFailed } from './errors.ts';
export type { Authentication, OpenAuthentication } from './http/authentication.ts';
export type { MiddlewareStack, MiddlewareStacks } from './http/middleware-stacks.ts';
export type { Caller, Context, Handler, State } from './http/state.ts';
export type { TenantTransaction } from './tenancy/context/with-tenant.ts';
export { concurrentSql, tenantSql } from './tenancy/migrations/migration-sql.ts';
export type { TenantHook, TenantHooks } from './tenancy/registry/project.ts';

/** Serves a project until the process is asked to end, and ends the process. */
export async function startService(project: Project): Promise<void> {
  const server = await import('./server/start-service.ts');
  await server.startService(project);
}

/** Runs the command that the process was started with. Commands that serve nothing load no server. */
export async function runCommandLine(project: Project): Promise<void> {
  const commandLine = await import('./run-command-line.ts');
  await commandLine.runCommandLine(project);
}
