import { randomBytes, randomUUID } from 'node:crypto';
import { type CommonQueryMethods, sql } from 'slonik';
import { z } from 'zod';

import { ApiError, ValidationFailed } from '../../errors.ts';
import type { ProofKey } from '../context/keys.ts';
import { signMessage } from '../context/proof.ts';
import { type DescribedSetting, describeSettings } from '../registry/describe-settings.ts';
import type { RequiredMigrations } from '../registry/project.ts';
import { SITE_SCHEMA } from '../registry/tenant.ts';
import type { SettingsSchema } from '../registry/tenant-settings.ts';
import { needsVerification, verificationRecord } from '../registry/verification.ts';
import {
  type AuditEvent,
  type AuditSource,
  auditPage,
  type FleetOverview,
  fleetOverview,
  type TenantDetails,
  type TenantItem,
  tenantPage,
  tenantRecord,
} from './fleet-views.ts';
import { describeOperation, type Operation, type OperationStatus, operationRow } from './operation.ts';
import type { Actor, OperationKind } from './operation-kind.ts';
import { sealOperation } from './seal.ts';

/** Which rows of a list are returned. */
export type Window = Readonly<{ limit: number; offset: number }>;
/** A part of a list, and the number of all its rows. */
export type Listed<T> = Readonly<{ count: number; results: readonly T[] }>;

/** The columns by which tenants may be ordered. A minus before it: descending. */
export const TENANT_ORDERS = [
  'schema',
  'name',
  'status',
  'domain',
  'domains_count',
  'plan',
  'paid_until',
  'version',
  'size_bytes',
  'created_at',
] as const;
export type TenantOrder = (typeof TENANT_ORDERS)[number];

export type TenantsQuery = Window &
  Readonly<{
    /** A part of the schema, of the name or of a domain. */
    search?: string | undefined;
    status?: string | undefined;
    version?: string | undefined;
    plan?: string | undefined;
    /** Whether the last migration failed. */
    failed?: boolean | undefined;
    /** Only tenants that have due work of this kind. */
    due?: string | undefined;
    order?: TenantOrder | undefined;
    descending?: boolean | undefined;
  }>;

export type OperationsQuery = Window &
  Readonly<{
    tenant?: string | undefined;
    status?: OperationStatus | undefined;
    kind?: string | undefined;
  }>;

export type AuditQuery = Window &
  Readonly<{
    tenant?: string | undefined;
    actor?: string | undefined;
    action?: string | undefined;
    source?: AuditSource | undefined;
    operation?: string | undefined;
  }>;

export type OperationRequest = Actor &
  Readonly<{
    kind: string;
    /** Schema of the tenant. Null: the kind names none. */
    tenant: string | null;
    arguments: unknown;
  }>;

export type OperatorEvent = Actor &
  Readonly<{
    /** Id of the tenant. */
    tenant: string;
    /** Lowercase letters, digits, dots, hyphens and underscores, such as `reset-password`. */
    action: string;
    /** Declared fields before and after the change. Null: not known, or none. */
    before: Readonly<Record<string, unknown>> | null;
    after: Readonly<Record<string, unknown>> | null;
  }>;

/**
 * What the service may do for operators of the public site. The caller must have verified in a transaction of the
 * public site that the user is an operator. Never called inside a transaction of a tenant.
 */
export type Operators = Readonly<{
  /** The kinds of operations of the engine and of the apps. */
  kinds: readonly OperationKind[];
  /**
   * Records an operation, which the worker runs.
   *
   * @throws ValidationFailed for an unknown kind and for invalid arguments; ApiError `tenant_not_found`
   */
  request: (request: OperationRequest) => Promise<Operation>;
  /** Returns operations without their log, the newest first. */
  list: (query: OperationsQuery) => Promise<Listed<Operation>>;
  /** Returns an operation with its log. Null: it does not exist. */
  find: (id: string) => Promise<Operation | null>;
  /** Cancels an operation. Returns false if it has ended or cannot end early. */
  cancel: (id: string, by: Actor) => Promise<boolean>;
  /** Queues an operation again that failed or was canceled. Returns false if it did not. */
  retry: (id: string, by: Actor) => Promise<boolean>;
  tenants: (query: TenantsQuery) => Promise<Listed<TenantItem>>;
  /** Returns a tenant, or the public site. Null: it does not exist. */
  tenant: (schema: string) => Promise<TenantDetails | null>;
  fleet: () => Promise<FleetOverview>;
  /** Returns events of the audit, the newest first. */
  audit: (query: AuditQuery) => Promise<Listed<AuditEvent>>;
  /**
   * Adds an event to the audit of a tenant: what an operator does in the service itself, such as mail to a member. Must
   * not contain secrets.
   */
  record: (event: OperatorEvent) => Promise<void>;
}>;

export type OperatorsOptions = Readonly<{
  /** Connections of the service's login to main, outside of any tenant. */
  pool: Pick<CommonQueryMethods, 'one'>;
  key: ProofKey;
  kinds: readonly OperationKind[];
  expected: RequiredMigrations;
  settings: SettingsSchema;
  /** Settings of the environment, which tenants may override. */
  defaults: Readonly<Record<string, unknown>>;
  baseDomain: string;
}>;

/** Returns a UUID version 7, as `tenancy.new_event_id()` does. */
function createEventId(): string {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(Date.now(), 0, 6);
  bytes.writeUInt8(0x70 | (bytes.readUInt8(6) & 0x0f), 6);
  bytes.writeUInt8(0x80 | (bytes.readUInt8(8) & 0x3f), 8);
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

const answered = z.strictObject({ answer: z.unknown() });

/** Names of the functions of functions/operations.sql and functions/operators.sql. */
type OperatorFunction =
  | 'request_operation'
  | 'list_operations'
  | 'find_operation'
  | 'cancel_operation'
  | 'retry_operation'
  | 'list_tenants'
  | 'show_tenant'
  | 'fleet_overview'
  | 'list_audit_events'
  | 'record_operator_event';

/** Calls a function with a proof over its name and its arguments. */
async function call(
  { pool, key }: Pick<OperatorsOptions, 'pool' | 'key'>,
  name: OperatorFunction,
  request: Readonly<Record<string, unknown>>,
): Promise<unknown> {
  const text = JSON.stringify(request);
  const { expires, text: proof } = signMessage(key, `operators.${name}|${text}`);
  const { answer } = await pool.one(sql.type(answered)`
    select ${sql.identifier(['tenancy', name])}(${text}, ${expires}, ${proof}) as answer
  `);
  return answer;
}

/** @throws ValidationFailed with the messages by argument */
function parseArguments(kind: OperationKind, given: unknown): Readonly<Record<string, unknown>> {
  const parsed = kind.arguments.safeParse(given ?? {});
  if (parsed.success) {
    return parsed.data;
  }
  const fields: Record<string, string[]> = {};
  for (const { path, message } of parsed.error.issues) {
    const name = path.length === 0 ? 'non_field_errors' : path.join('.');
    fields[name] = [...(fields[name] ?? []), message];
  }
  throw new ValidationFailed(fields);
}

const detailsOf = (
  { overrides, domains, ...item }: z.infer<typeof tenantRecord>,
  settings: readonly DescribedSetting[],
  baseDomain: string,
): TenantDetails => ({
  ...item,
  settings,
  domains: domains.map(({ token, ...domain }) => ({
    ...domain,
    dns_record: needsVerification(domain.domain, baseDomain)
      ? { type: 'TXT', ...verificationRecord({ domain: domain.domain, verification_token: token }) }
      : null,
  })),
});

/** Creates the operators' access to the fleet, for the process of the service. */
export function openOperators(options: OperatorsOptions): Operators {
  const { kinds, expected, key } = options;
  const kindOf = (name: string): OperationKind | undefined => kinds.find(({ kind }) => kind === name);
  const ask = (name: OperatorFunction, request: Readonly<Record<string, unknown>>): Promise<unknown> =>
    call(options, name, request);
  const versions = { expected: expected.tenant.last, expected_count: expected.tenant.count };

  const find = async (id: string): Promise<Operation | null> => {
    const found = operationRow.nullable().parse(await ask('find_operation', { id }));
    return found && describeOperation(found, kindOf(found.kind));
  };

  const tenant = async (schema: string): Promise<TenantDetails | null> => {
    const record = tenantRecord.nullable().parse(await ask('show_tenant', { ...versions, tenant: schema }));
    return (
      record &&
      detailsOf(
        record,
        describeSettings(
          options.settings,
          options.defaults,
          { isSite: schema === SITE_SCHEMA },
          record.overrides,
        ),
        options.baseDomain,
      )
    );
  };

  const assertTarget = async ({ target }: OperationKind, schema: string | null): Promise<void> => {
    if (schema === null) {
      if (target === 'tenant' || target === 'tenant-or-site') {
        throw new ValidationFailed({ tenant: ['This field is required.'] });
      }
      return;
    }
    if (target === 'fleet' || (schema === SITE_SCHEMA && target !== 'tenant-or-site')) {
      throw new ValidationFailed({ tenant: [`This operation cannot be requested for "${schema}".`] });
    }
    if ((await tenant(schema)) === null) {
      throw new ApiError('tenant_not_found', `No tenant has the schema "${schema}".`);
    }
  };

  return {
    kinds,
    request: async ({ kind: name, tenant: schema, arguments: given, actor, address }) => {
      const kind = kindOf(name);
      if (!kind) {
        throw new ValidationFailed({ kind: [`"${name}" is not a kind of operation.`] });
      }
      const parsed = parseArguments(kind, given);
      await assertTarget(kind, schema);
      const recorded = kind.prepare
        ? await kind.prepare(parsed as never)
        : ((given ?? {}) as Readonly<Record<string, unknown>>);
      const id = randomUUID();
      const operation = { id, kind: name, tenant: schema, arguments: recorded, actor, address };
      await ask('request_operation', sealOperation(key, operation));
      const found = await find(id);
      if (!found) {
        throw new TypeError('A recorded operation was not found.');
      }
      return found;
    },
    list: async (query) => {
      const { count, results } = z
        .strictObject({ count: z.number(), results: z.array(operationRow) })
        .parse(await ask('list_operations', query));
      return { count, results: results.map((row) => describeOperation(row, kindOf(row.kind))) };
    },
    find,
    cancel: async (id, by) => {
      const found = await find(id);
      return found?.can_cancel === true
        ? z.boolean().parse(await ask('cancel_operation', { id, running: found.status === 'running', ...by }))
        : false;
    },
    retry: async (id, by) => {
      const found = await find(id);
      return found?.can_retry === true
        ? z.boolean().parse(
            await ask('retry_operation', {
              id,
              attempts: found.attempts,
              ended_at: found.ended_at,
              ...by,
            }),
          )
        : false;
    },
    tenants: async (query) =>
      tenantPage.parse(
        await ask('list_tenants', { order: 'schema', descending: false, ...versions, ...query }),
      ),
    tenant,
    fleet: async () => fleetOverview.parse(await ask('fleet_overview', versions)),
    audit: async (query) => auditPage.parse(await ask('list_audit_events', query)),
    record: async (event) => {
      await ask('record_operator_event', { id: createEventId(), ...event });
    },
  };
}
