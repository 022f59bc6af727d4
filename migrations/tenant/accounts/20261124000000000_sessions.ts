import { tenantSql } from '../../../src/tenancy/migrations/migration-sql.ts';

export const up = tenantSql('sessions.sql', 'mail.sql', 'audit.sql');
export const down = tenantSql('sessions-down.sql');
