import { tenantSql } from '../../../../../src/tenancy/migrations/migration-sql.ts';

export const up = tenantSql('library.sql');
export const down = tenantSql('library-down.sql');
