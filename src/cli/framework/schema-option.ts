import { parseSchemaOrSite, type SchemaName } from '../../tenancy/registry/tenant.ts';

/** The schema that an operator named, the public site's too; null when none. @throws DomainError `schema_name_invalid` */
export const schemaOption = (schema: string | undefined): SchemaName | null =>
  schema === undefined ? null : parseSchemaOrSite(schema);
