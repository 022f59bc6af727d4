/** Commands of Django and django-tenants under their own names, where ours differ by more than dashes. */
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

/** Our name of a command that may have been given by Django's. */
export const commandName = (word: string): string =>
  NAMES.get(word) ?? (/^[a-z]+(_[a-z]+)+$/.test(word) ? word.replaceAll('_', '-') : word);
