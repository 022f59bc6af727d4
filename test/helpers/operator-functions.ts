/** The functions of the schema tenancy that operators call with a proof. No tenant may call one. */
export const OPERATOR_FUNCTIONS = [
  'request_operation',
  'list_operations',
  'find_operation',
  'cancel_operation',
  'retry_operation',
  'list_dumps',
  'list_tenants',
  'show_tenant',
  'fleet_overview',
  'list_audit_events',
  'record_operator_event',
] as const;
