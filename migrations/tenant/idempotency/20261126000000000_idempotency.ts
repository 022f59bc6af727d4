import { tenantSql } from '../../../src/tenancy/migrations/migration-sql.ts';

export const up = tenantSql('idempotency.sql');
export const down = tenantSql('idempotency-down.sql');
