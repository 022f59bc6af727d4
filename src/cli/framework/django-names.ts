/** Names of commands in Django and django-tenants that differ from ours by more than dashes. */
const NAMES: ReadonlyMap<string, string> = new Map([
  ['create_domain', 'add-domain'],
  ['create_tenant_superuser', 'create-superuser'],
  ['createsuperuser', 'create-superuser'],
  ['dbshell', 'sql'],
  ['delete_domain', 'remove-domain'],
  ['dumpdata', 'dump-data'],
  ['loaddata', 'load-data'],
  ['migrate_schemas', 'migrate'],
  ['rename_schema', 'rename-tenant'],
]);

/** Returns our name of a command for its name in Django. */
export const commandName = (name: string): string =>
  NAMES.get(name) ?? (/^[a-z]+(_[a-z]+)+$/.test(name) ? name.replaceAll('_', '-') : name);
