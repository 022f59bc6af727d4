import { parseSchemaName, SITE_SCHEMA } from '../tenancy/tenant.ts';

/** The schema that an operator named, the public site's too; null when none. @throws DomainError `schema_name_invalid` */
export const schemaOption = (schema: string | undefined): string | null =>
  schema === undefined ? null : schema === SITE_SCHEMA ? schema : parseSchemaName(schema);
