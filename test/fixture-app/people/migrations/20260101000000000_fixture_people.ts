import { tenantSql } from '../../../../src/tenancy/migrations/migration-sql.ts';

export const up = tenantSql('people.sql');
export const down = tenantSql('people-down.sql');
