import { tenantSql } from '../../../../src/tenancy/migrations/migration-sql.ts';

export const up = tenantSql('logins.sql');
export const down = tenantSql('logins-down.sql');
