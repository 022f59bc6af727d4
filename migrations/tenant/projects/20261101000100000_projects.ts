import { tenantSql } from '../../../src/tenancy/migrations/migration-sql.ts';

export const up = tenantSql('projects.sql');
export const down = tenantSql('projects-down.sql');
