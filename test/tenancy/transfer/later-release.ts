import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { makeWorkingCopy } from '../../helpers/working-copy.ts';

/** The commands of a release with tenant migrations of its own, after all others. */
export type LaterRelease = Readonly<{
  provisionTenant: typeof import('../../../src/tenancy/lifecycle/provision.ts')['provisionTenant'];
  provisionOn: typeof import('../../../src/tenancy/lifecycle/provision-on.ts')['provisionOn'];
  renameTenant: typeof import('../../../src/tenancy/lifecycle/rename-tenant.ts')['renameTenant'];
  migrate: typeof import('../../../src/tenancy/fleet/migrate.ts')['migrate'];
  keepSpares: typeof import('../../../src/tenancy/fleet/spares.ts')['keepSpares'];
  findDrift: typeof import('../../../src/tenancy/fleet/drift.ts')['findDrift'];
  cloneTenant: typeof import('../../../src/tenancy/transfer/copy/clone-tenant.ts')['cloneTenant'];
  dumpTenant: typeof import('../../../src/tenancy/transfer/dump/dump-tenant.ts')['dumpTenant'];
  restoreTenant: typeof import('../../../src/tenancy/transfer/dump/restore-tenant.ts')['restoreTenant'];
  moveTenant: typeof import('../../../src/tenancy/transfer/move/move-tenant.ts')['moveTenant'];
  remove: () => Promise<void>;
}>;

/** Makes a release whose tenant migrations are those of the code, and then each of `migrations`. */
export async function makeLaterRelease(migrations: readonly string[]): Promise<LaterRelease> {
  const files = migrations.map((text, index) => [
    `migrations/tenant/299901010000001${String(index).padStart(2, '0')}_later.ts`,
    `export const up = (pgm) => { pgm.sql(${JSON.stringify(text)}); };\n`,
  ]);
  const copy = await makeWorkingCopy(Object.fromEntries(files));
  const load = (file: string) => import(pathToFileURL(join(copy.folder, 'src/tenancy', file)).href);
  const modules = await Promise.all(
    [
      'lifecycle/provision.ts',
      'lifecycle/provision-on.ts',
      'lifecycle/rename-tenant.ts',
      'fleet/migrate.ts',
      'fleet/spares.ts',
      'fleet/drift.ts',
      'transfer/copy/clone-tenant.ts',
      'transfer/dump/dump-tenant.ts',
      'transfer/dump/restore-tenant.ts',
      'transfer/move/move-tenant.ts',
    ].map(load),
  );
  return Object.assign({}, ...modules, { remove: copy.remove }) as LaterRelease;
}
