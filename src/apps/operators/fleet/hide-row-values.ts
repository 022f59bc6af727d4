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
 * Returns an event without the values of rows of a tenant, for staff of the public site. The names of the changed
 * columns remain. Events of operators have no such values.
 */
export const hideRowValues = (event: AuditEvent): AuditEvent =>
  event.source === 'tenant' ? { ...event, before: hide(event.before), after: hide(event.after) } : event;
