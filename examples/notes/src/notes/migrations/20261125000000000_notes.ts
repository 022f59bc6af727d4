import { tenantSql } from 'koa-tenants';

export const up = tenantSql('notes.sql');
export const down = tenantSql('notes-down.sql');
