import type { z } from 'zod';

import { OperatorError } from '../../errors.ts';
import type { Databases } from '../registry/locate-tenant.ts';
import type { TenancyProject } from '../registry/project.ts';
import type { Tenant } from '../registry/tenant.ts';

/** The operator that requests something, for the audit. */
export type Actor = Readonly<{
  /** Name of the operator. */
  actor: string;
  /** Address of the client. Null: not known. */
  address: string | null;
}>;

/** What a running operation may use. */
export type OperationContext = Readonly<{
  project: TenancyProject;
  databases: Databases;
  /** The tenant that the operation names. Empty for operations of the whole fleet. */
  tenant: string;
  /** Aborted when the operation is canceled and when the worker stops. */
  signal: AbortSignal;
  /** Number of times that a worker has started the operation, including this one. */
  attempt: number;
  /** Adds a line to the log of the operation. */
  log: (text: string) => void;
  /** Sets the number of steps and the completed ones. */
  progress: (done: number, total: number, text?: string) => void;
}>;

/** Which tenant an operation names: none (`fleet`), one that exists, one or the public site, or one or none. */
export type OperationTarget = 'fleet' | 'tenant' | 'tenant-or-site' | 'tenant-or-fleet';

/** The default of `statuses`: those of tenants that are in use. */
const IN_USE: readonly Tenant['status'][] = ['active', 'suspended', 'maintenance'];

/** A kind of operation that operators may request. Create it with `defineOperation`. */
export type OperationKind = Readonly<{
  kind: string;
  /** Verb and object, for a menu: "Suspend tenant". */
  title: string;
  /** One sentence that explains the effect. */
  description: string;
  target: OperationTarget;
  /** Whether data is lost or cannot be restored. Requires a superuser and a confirmation. */
  destroys: boolean;
  /**
   * Whether a request for a tenant, or for the whole fleet, requires a superuser, and the arguments for which a value
   * that is not the default does. Requests for the public site always require one.
   */
  superuserOnly: Readonly<{ tenant: boolean; fleet: boolean; arguments: readonly string[] }>;
  /** The statuses of a tenant in which the operation can be requested. */
  statuses: readonly Tenant['status'][];
  /** Whether the operation may run again from its beginning after its worker was killed. */
  repeatable: boolean;
  /** Whether it ends early when `signal` is aborted. */
  cancelable: boolean;
  /** What to check after a worker was killed, for an operation that is not repeatable. */
  afterInterruption: string;
  /** Schema of the arguments, from which clients build a form. */
  arguments: z.ZodObject;
  /** Arguments that no response contains. */
  hidden: readonly string[];
  /**
   * Called by the service with valid arguments before the operation is recorded. Replaces secrets, such as a
   * password by its hash.
   */
  prepare: ((given: never) => Promise<Readonly<Record<string, unknown>>>) | null;
  /** Schema of the recorded arguments, as `run` gets them. */
  recorded: z.ZodType;
  /** Returns the result, which responses contain. */
  run: (given: never, context: OperationContext) => Promise<Readonly<Record<string, unknown>>>;
}>;

const KIND = /^[a-z][a-z0-9-]{0,63}$/;

/**
 * Creates a kind of operation, for `operations` of `defineApp`. Its `run` should be the function that a command calls.
 *
 * @throws OperatorError `configuration_invalid` for an invalid name
 */
export function defineOperation<
  Arguments extends z.ZodObject,
  Recorded extends z.ZodType = Arguments,
>(definition: {
  kind: string;
  title: string;
  description: string;
  /** Default: an existing tenant. */
  target?: OperationTarget;
  /** Default: false. */
  destroys?: boolean;
  /** Default: no argument, no tenant, and not the whole fleet. */
  superuserOnly?: Readonly<{
    tenant?: boolean;
    fleet?: boolean;
    arguments?: readonly (string & keyof z.input<Arguments>)[];
  }>;
  /** Default: active, suspended and maintenance. */
  statuses?: readonly Tenant['status'][];
  /** Default: false. */
  repeatable?: boolean;
  /** Default: false. */
  cancelable?: boolean;
  afterInterruption?: string;
  arguments: Arguments;
  hidden?: readonly string[];
  prepare?: (given: z.infer<Arguments>) => Promise<Readonly<Record<string, unknown>>>;
  recorded?: Recorded;
  run: (given: z.infer<Recorded>, context: OperationContext) => Promise<Readonly<Record<string, unknown>>>;
}): OperationKind {
  const { kind } = definition;
  if (!KIND.test(kind)) {
    throw new OperatorError(
      'configuration_invalid',
      `"${kind}" is not a valid kind of operation. Use lowercase letters, digits and hyphens, starting with a letter.`,
    );
  }
  return {
    target: 'tenant',
    destroys: false,
    statuses: IN_USE,
    repeatable: false,
    cancelable: false,
    afterInterruption: 'Check the tenant before you request the operation again.',
    hidden: [],
    ...definition,
    superuserOnly: { tenant: false, fleet: false, arguments: [], ...definition.superuserOnly },
    prepare: definition.prepare ?? null,
    recorded: definition.recorded ?? definition.arguments,
  };
}
