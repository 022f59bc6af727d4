import type {
  AuditEvent,
  AuditSource,
  Dump,
  FleetOverview,
  TenantDetails,
  TenantItem,
} from './fleet-views.ts';
import type { Operation, OperationStatus } from './operation.ts';
import type { Actor, OperationKind } from './operation-kind.ts';

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
    /** The key of this operator. A second request with the same key returns the operation of the first one. */
    idempotencyKey?: Readonly<{ userId: string; key: string }> | null;
  }>;

/** An operation, and whether an earlier request with the same key has recorded it. */
export type RequestedOperation = Operation & Readonly<{ isRepeated: boolean }>;

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
 * What the service may do for operators of the public site. The caller must have verified, in a transaction of the
 * public site, that the user is an operator. Must not be called inside a transaction of a tenant.
 */
export type Operators = Readonly<{
  /** The kinds of operations of the engine and of the apps. */
  kinds: readonly OperationKind[];
  /**
   * Records an operation, which the worker runs.
   *
   * @throws ValidationFailed for an unknown kind and for invalid arguments; ApiError `tenant_not_found`, `conflict` for
   *   the status of the tenant, `idempotency_key_reused`
   */
  request: (request: OperationRequest) => Promise<RequestedOperation>;
  /** Returns operations without their log, the newest first. */
  list: (query: OperationsQuery) => Promise<Listed<Operation>>;
  /** Returns an operation with its log. Null: it does not exist. */
  find: (id: string) => Promise<Operation | null>;
  /** Cancels an operation. Returns false if it has ended or cannot end early. */
  cancel: (id: string, by: Actor) => Promise<boolean>;
  /** Queues an operation again that failed or was canceled. Returns false if it did not. */
  retry: (id: string, by: Actor) => Promise<boolean>;
  /** Returns the dumps that the workers can restore, the newest first. Null: no running worker has a directory. */
  dumps: () => Promise<readonly Dump[] | null>;
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
