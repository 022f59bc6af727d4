import { tenantSql } from '../../src/tenancy/migrations/migration-sql.ts';

export const up = tenantSql('accounts-sessions.sql', 'accounts-mail.sql', 'accounts-audit.sql');
export const down = tenantSql('accounts-sessions-down.sql');
