import { tenantSql } from '../../../src/tenancy/migrations/migration-sql.ts';

export const up = tenantSql('billing.sql');
export const down = tenantSql('billing-down.sql');
