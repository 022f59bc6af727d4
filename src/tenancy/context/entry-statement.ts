import { z } from 'zod';
import { Entry, type EntryStatement, type TransactionOptions } from '../../db/driver/entry.ts';
import type { Row } from '../../db/driver/row-shape.ts';
import { OperatorError } from '../../errors.ts';
import { createGrowingCache } from '../../growing-cache.ts';
import type { SchemaName, TenantStatus } from '../registry/tenant.ts';
import { reuseProof } from './proof.ts';
import type { Entering, TenantDatabase } from './tenant-database.ts';

/**
 * How a single statement enters its tenant. PostgreSQL checks the status, because Node cannot undo a single
 * statement.
 */
export type SingleEntering = Entering & Readonly<{ admitted: readonly TenantStatus[] }>;

const entered = z.object({
  path: z.string(),
  status: z.enum(['active', 'unpaid', 'suspended']),
  /** Text on a connection with `TEXT_TYPES`: see run-statement.ts. */
  backend_pid: z.coerce.number().int(),
});

type Entered = z.output<typeof entered>;

/** Returns the row of the entry. Its usual form is checked without a schema, for every request. */
function readEntered(row: Row | undefined): Entered {
  const isUsual =
    typeof row?.path === 'string' &&
    (row.status === 'active' || row.status === 'unpaid' || row.status === 'suspended') &&
    Number.isInteger(row.backend_pid);
  return isUsual ? (row as Entered) : entered.parse(row);
}

const enterWith = (...further: readonly string[]): string => `
  select
    set_config('statement_timeout', $4, true),
    ${further.map((column) => `${column},`).join('\n    ')}
    set_config('search_path', e.path, true) as path,
    set_config('role', e.role, true),
    e.status,
    pg_backend_pid() as backend_pid
  from tenancy.enter($1, $2, $3) as e
`;

const ENTER = enterWith(
  `set_config('idle_in_transaction_session_timeout', $5, true)`,
  `set_config('application_name', 'koa-tenants ' || trim(both '"' from split_part(e.path, ',', 1)), true)`,
);
// A single statement is never idle in its transaction, and its comment names the tenant.
const REQUIRE_STATUS = 'tenancy.require(e.status = any ($5::text[]), e.status)';
const ENTER_SINGLE = enterWith(REQUIRE_STATUS);
const ENTER_SINGLE_READ_ONLY = enterWith(REQUIRE_STATUS, `set_config('transaction_read_only', 'on', true)`);

/** Schemas of paths. */
const schemas = createGrowingCache<string, SchemaName>(20_000);

/** Returns the tenant's schema, the first name of the path. It has quotes when it is a keyword. */
function schemaOf(path: string): SchemaName {
  const known = schemas.get(path);
  if (known !== undefined) {
    return known;
  }
  const schema = path.split(',', 1)[0]?.replaceAll('"', '') as SchemaName;
  schemas.set(path, schema);
  return schema;
}

/** Returns the error with which `admit` rejects a status. */
function rejectionOf(admit: Entering['admit'], status: TenantStatus): Error {
  try {
    admit?.(status);
  } catch (error) {
    return error as Error;
  }
  return new OperatorError('tenant_status_wrong', `The tenant is in status "${status}".`);
}

function createEntryStatement(
  { key, statementTimeout, idleTimeout = 0, onEntered }: TenantDatabase,
  { tenant, readOnly, admit, limits }: Entering,
  admitted: readonly TenantStatus[] | null,
): EntryStatement {
  const proof = reuseProof(key, tenant);
  const values = [
    tenant,
    proof.expires,
    proof.text,
    String(limits?.statementTimeout ?? statementTimeout),
    admitted ?? String(limits?.idleTimeout ?? idleTimeout),
  ];
  return {
    text: admitted ? (readOnly ? ENTER_SINGLE_READ_ONLY : ENTER_SINGLE) : ENTER,
    values,
    isShared: true,
    raises: admitted !== null,
    rejection: (code) => rejectionOf(admit, code as TenantStatus),
    verify: ([row]) => {
      const found = readEntered(row);
      onEntered?.(tenant, schemaOf(found.path));
      admit?.(found.status);
    },
    // Called while PostgreSQL's messages are read, where no error may be thrown. `verify` rejects such a row.
    backendPid: ([row]) => {
      const pid = Number(row?.backend_pid ?? Number.NaN);
      return Number.isInteger(pid) ? pid : null;
    },
  };
}

/**
 * Creates the entry of one transaction. `admitted`: the statuses that a single statement admits; null
 * for an ordinary transaction.
 */
export function createEntry(
  tenantDatabase: TenantDatabase,
  entering: Entering,
  {
    admitted,
    ...events
  }: Pick<TransactionOptions, 'onOverdue' | 'onOutcomeUnknown'> &
    Readonly<{ admitted: readonly TenantStatus[] | null }>,
): Entry {
  const { tenant, readOnly, guards = [], limits, watch, schemaVersion } = entering;
  return new Entry([createEntryStatement(tenantDatabase, entering, admitted), ...guards], {
    readOnly,
    // PostgreSQL ends the statement first. The driver closes the socket if it does not.
    queryTimeout: limits && limits.statementTimeout + 1_000,
    idleTimeout: limits?.idleTimeout ?? tenantDatabase.idleTimeout ?? 0,
    resultBytes: limits?.resultBytes,
    statementScope: `${tenant} ${schemaVersion ?? ''}`,
    comment: watch?.comment,
    onRound: watch?.onRound,
    ...events,
  });
}
