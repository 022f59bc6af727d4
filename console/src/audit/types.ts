/** An event of the audit, on the public host or on a tenant's. */
export type AuditEvent = Readonly<{
  id: string;
  at: string;
  actor: string;
  source: string;
  address?: string | null;
  tenant?: string | null;
  action: string;
  operation?: string | null;
  before: Readonly<Record<string, unknown>> | null;
  after: Readonly<Record<string, unknown>> | null;
}>;

export const AUDIT_SOURCES = ['cli', 'api', 'worker', 'tenant', 'sql'] as const;
export type AuditSource = (typeof AUDIT_SOURCES)[number];
