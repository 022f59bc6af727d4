import { parseSchemaOrSite, type SchemaName } from '../../tenancy/registry/tenant.ts';

/**
 * Returns the schema of an option, which may be the public site's, or null.
 *
 * @throws OperatorError `schema_name_invalid`
 */
export const schemaOption = (schema: string | undefined): SchemaName | null =>
  schema === undefined ? null : parseSchemaOrSite(schema);
