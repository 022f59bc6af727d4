import { tenantSql } from '../../../src/tenancy/migrations/migration-sql.ts';

export const up = tenantSql('site.sql');
export const down = tenantSql('site-down.sql');
