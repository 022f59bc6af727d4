import { sharedSql } from '../../src/tenancy/migration-sql.ts';

export const up = sharedSql('releases.sql');
