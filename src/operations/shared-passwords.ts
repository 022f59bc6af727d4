import type { Config } from '../config/config.ts';
import { loginOf } from '../db/admin/connection-config.ts';
import type { Finding } from '../db/checks.ts';
import { MAIN } from '../tenancy/registry/databases.ts';

/**
 * Returns the databases whose service login has the same password as the migration login: a leaked
 * password of a serving process would then allow everything. Compares the URLs, because PostgreSQL
 * does not reveal passwords.
 */
export function sharedPasswords(
  {
    DATABASE_URL,
    DATABASES,
    OWNER_DATABASES,
  }: Pick<Config, 'DATABASE_URL' | 'DATABASES' | 'OWNER_DATABASES'>,
  ownerUrl: string,
): readonly Finding[] {
  const serving = { ...DATABASES, [MAIN]: DATABASE_URL };
  const migrating: Readonly<Record<string, string>> = { ...OWNER_DATABASES, [MAIN]: ownerUrl };
  return Object.entries(serving).flatMap(([name, url]) => {
    const service = loginOf(url);
    const owner = migrating[name] === undefined ? null : loginOf(migrating[name]);
    return owner === null || service.password === null || service.password !== owner.password
      ? []
      : [
          {
            check: 'shared-passwords',
            severity: 'fault' as const,
            object: `login ${service.user} of database ${name}`,
            fault: `has the same password as the migrating login ${owner.user}`,
            remedy: `alter role ${service.user} password, to one of its own, and change DATABASE_URL with it`,
          },
        ];
  });
}
