import type { AuditEvent } from '../../../tenancy/operations/fleet-views.ts';
import { HIDDEN } from '../../../tenancy/registry/secret-settings.ts';

/** Members of an event that identify a row. */
const IDENTITY: ReadonlySet<string> = new Set(['model', 'id', 'fields']);

const hide = (values: AuditEvent['before']): AuditEvent['before'] =>
  values &&
  Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, IDENTITY.has(name) ? value : HIDDEN]),
  );

/**
 * Returns an event without the values of a tenant's rows, for operators who are not superusers. The names of the changed
 * columns remain. Events whose source is not `tenant` have no such values.
 */
export const hideRowValues = (event: AuditEvent): AuditEvent =>
  event.source === 'tenant' ? { ...event, before: hide(event.before), after: hide(event.after) } : event;
