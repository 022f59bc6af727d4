import { parseSchemaName, type SchemaName, SITE_SCHEMA } from '../tenancy/tenant.ts';

/** A tenant's schema, or the public site's by its own name or by `public`. @throws DomainError `schema_name_invalid` */
export const parseTenantOrSite = (text: string): SchemaName =>
  text === 'public' || text === SITE_SCHEMA ? SITE_SCHEMA : parseSchemaName(text);
