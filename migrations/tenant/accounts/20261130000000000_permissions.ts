import { tenantSql } from '../../../src/tenancy/migrations/migration-sql.ts';

export const up = tenantSql('permissions.sql');
export const down = tenantSql('permissions-down.sql');
