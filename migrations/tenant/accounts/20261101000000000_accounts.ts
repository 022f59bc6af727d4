import { tenantSql } from '../../../src/tenancy/migrations/migration-sql.ts';

export const up = tenantSql('accounts.sql');
export const down = tenantSql('accounts-down.sql');
