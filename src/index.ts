/**
 * The public API of koa-tenants, and with `koa-tenants/testing` the only import path for apps. docs/apps.md introduces it.
 * Changes of it follow semantic versioning; other files may change in every release.
 */
import type { Project } from './definition/define-project.ts';

export { accounts } from './apps/accounts/app.ts';
export { admin } from './apps/admin/app.ts';
export { billing } from './apps/billing/app.ts';
export { idempotency } from './apps/idempotency/app.ts';
export { operators } from './apps/operators/app.ts';
export { site } from './apps/site/app.ts';
export { CANARY } from './attacks/context.ts';
export { seen } from './attacks/evaluate.ts';
export { type Attack, type AttackFixture, sqlAttack } from './attacks/record.ts';
export type { ScriptSettings } from './cli/commands/data/run-in-tenant.ts';
export type { ScriptContext, TenantScript } from './cli/commands/data/run-script.ts';
export { openTenancy, type Tenancy } from './cli/framework/script-tenancy.ts';
export type { OpenIdempotency } from './definition/app.ts';
export type { AppCommands, AppDiagnosis } from './definition/app-commands.ts';
export type { AppDemo } from './definition/app-demo.ts';
export { defineApp } from './definition/define-app.ts';
export { defineProject, type Project } from './definition/define-project.ts';
export type {
  OperationDependencies,
  RouteDependencies,
  StartDependencies,
} from './definition/dependencies.ts';
export {
  ApiError,
  type ApiErrorCode,
  DomainError,
  type ErrorCode,
  type FieldErrors,
  OperatorError,
  type OperatorErrorCode,
  Unavailable,
  ValidationFailed,
} from './errors.ts';
export { type Authentication, callerOf, type OpenAuthentication } from './http/authentication.ts';
export { readBody, validate } from './http/body/validate.ts';
export { type EntryRequest, enterTenant } from './http/enter-tenant.ts';
export type { EntityTags } from './http/etag.ts';
export { type Export, exportRows } from './http/export/export-rows.ts';
export { boolean } from './http/fields/boolean.ts';
export { choice } from './http/fields/choice.ts';
export { date, datetime } from './http/fields/date.ts';
export { email } from './http/fields/email.ts';
export { type Field, type NullableField, nullable, optional, readOnly } from './http/fields/field.ts';
export { json, jsonb } from './http/fields/json.ts';
export { decimal, integer } from './http/fields/number.ts';
export { assertExists, id, relation, uuidRelation } from './http/fields/relation.ts';
export { type Serializer, serializer } from './http/fields/serializer.ts';
export { text } from './http/fields/text.ts';
export { url } from './http/fields/url.ts';
export { uuid } from './http/fields/uuid.ts';
export { originOf } from './http/host.ts';
export type { Claim, IdempotencyKey, IdempotencyStore, StoredResponse } from './http/idempotency.ts';
export { notFound, orNotFound, parseIdentifier } from './http/identifier.ts';
export { type CursorPage, cursorPage, cursorPages } from './http/lists/cursor-page.ts';
export { filtersFor, type Lookup } from './http/lists/filters.ts';
export { columnsOf, type List, type ListContext, type PageContext, selectList } from './http/lists/list.ts';
export { type NumberedPageOptions, numberedPage, numberedPages } from './http/lists/numbered-page.ts';
export { type Order, orderingFor } from './http/lists/ordering.ts';
export { searchFor } from './http/lists/search.ts';
export type { MiddlewareStack, MiddlewareStacks } from './http/middleware-stacks.ts';
export {
  describeMiddleware,
  type MiddlewareDescription,
  type OperationDescription,
  operation,
  type ResponseDescription,
  type Security,
} from './http/openapi/description.ts';
export type { ApiInfo, ApiSecurity } from './http/openapi/document.ts';
export { pageOfRows, pageParameters } from './http/openapi/parameters.ts';
export { type Page, type PageRequest, pageOf, pageRequest, windowOf } from './http/page.ts';
export {
  allOf,
  anyOf,
  assertPermitted,
  byMethod,
  hasPermission,
  isAuthenticated,
  isReadOnly,
  isStaff,
  isSuperuser,
  isUser,
  type Permission,
  type PermissionRequest,
  permit,
  setCaller,
} from './http/permissions.ts';
export { createRouter, resource, sendCreated } from './http/resource.ts';
export { type SingleQuery, single, singleQuery } from './http/single.ts';
export type { AppMiddleware, Caller, CallerRights, Context, Handler, State } from './http/state.ts';
export { rescheduleDueWork, type WatchDueWork } from './tenancy/context/due-work.ts';
export { fetchRows } from './tenancy/context/fetch-rows.ts';
export type { TextQuery } from './tenancy/context/track-queries.ts';
export {
  type Entering,
  type TenantDatabase,
  type TenantTransaction,
  withTenant,
} from './tenancy/context/with-tenant.ts';
export type { DoDueWork, DueTenant } from './tenancy/context/work-loop.ts';
export { withGlobalTables } from './tenancy/install/global-migrations.ts';
export { concurrentSql, globalSql, tenantSql } from './tenancy/migrations/migration-sql.ts';
export {
  defineOperation,
  type OperationContext,
  type OperationKind,
} from './tenancy/operations/operation-kind.ts';
export type {
  Extension,
  RenameHook,
  SchemaKind,
  TenantHook,
  TenantHooks,
} from './tenancy/registry/project.ts';
export type {
  ResolvedTenant,
  RoleName,
  SchemaName,
  TenantId,
  TenantIdentity,
} from './tenancy/registry/tenant.ts';

/**
 * Serves a project until the process receives SIGTERM or SIGINT, and then ends the process. Reads the environment and
 * `.env`. Call it once, from the file that `node` runs. An invalid configuration ends the process with exit code 2.
 */
export async function startService(project: Project): Promise<void> {
  const server = await import('./server/start-service.ts');
  await server.startService(project);
}

/**
 * Runs the command of the process's arguments, and sets the process's exit code. Call it once, from the file that `node`
 * runs. Commands that serve nothing load no server.
 */
export async function runCommandLine(project: Project): Promise<void> {
  const commandLine = await import('./run-command-line.ts');
  await commandLine.runCommandLine(project);
}
