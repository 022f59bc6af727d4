import { tenantSql } from '../../../../src/tenancy/migrations/migration-sql.ts';

export const up = tenantSql('places.sql');
