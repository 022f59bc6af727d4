import type { AuditEvent } from '../../../tenancy/operations/fleet-views.ts';
import { hideRowValues } from '../../../tenancy/operations/hide-row-values.ts';

/**
 * Returns an event without the values of a tenant's rows, for operators who are not superusers. Events whose source is
 * not `tenant` have no such values.
 */
export const withoutRowValues = (event: AuditEvent): AuditEvent =>
  event.source === 'tenant'
    ? { ...event, before: hideRowValues(event.before), after: hideRowValues(event.after) }
    : event;
