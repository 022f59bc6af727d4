import { sharedSql } from '../../src/tenancy/migration-sql.ts';

export const up = sharedSql('registry.sql', 'keys.sql', 'functions.sql');
