import { globalSql } from '../../../../../src/tenancy/migrations/migration-sql.ts';

export const up = globalSql('countries.sql');
