import { sharedSql } from '../../src/tenancy/migrations/migration-sql.ts';

export const up = sharedSql('operations.sql');
