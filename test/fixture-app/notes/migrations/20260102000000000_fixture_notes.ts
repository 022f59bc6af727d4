import { tenantSql } from '../../../../src/tenancy/migrations/migration-sql.ts';

export const up = tenantSql('notes.sql');
export const down = tenantSql('notes-down.sql');
