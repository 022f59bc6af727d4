import { tenantSql } from 'koa-tenants';

export const up = tenantSql('comments.sql');
export const down = tenantSql('comments-down.sql');
