import type { DomainName, SchemaName, TenantId } from '../registry/tenant.ts';

/** A tenant to be created. */
export type NewTenant = Readonly<{
  schema: SchemaName;
  name: string;
  /** The first one is the primary domain. */
  domains: readonly DomainName[];
  /** Last paid day, `YYYY-MM-DD`. Null: no payment is required yet. */
  paidUntil?: string | null;
  onTrial?: boolean;
  type?: string;
  /** Values that a restored or moved tenant keeps. A new tenant gets new ones. */
  preserved?: Readonly<{
    id?: TenantId;
    keyGeneration: number;
    settings: Readonly<Record<string, unknown>>;
    status: string;
  }>;
}>;
