// The limit of temporary files: node test/run.ts test/tenancy/install/temporary-files.test.ts
import test from 'ava';

import { withTenant } from '../../../src/tenancy/context/with-tenant.ts';
import { migrate } from '../../../src/tenancy/fleet/migrate.ts';
import { openWorld, type World } from '../../helpers/world.ts';
import { raw } from '../../isolation/attack.ts';

let world: World;
test.serial.before(async () => {
  world = await openWorld({ installs: true });
});
test.after.always(() => world?.close());

const databaseOf = ({ ownerUrl }: World): string => new URL(ownerUrl).pathname.slice(1);

test.serial('limits the temporary files of the service login', async (t) => {
  const client = await world.bare();
  t.deepEqual((await client.query('show temp_file_limit')).rows, [{ temp_file_limit: '1GB' }]);
  await t.throwsAsync(client.query('set temp_file_limit = -1'), {
    message: /permission denied to set parameter/,
  });
});

test.serial(
  'fails a statement that exceeds the limit, and keeps another limit through a migration',
  async (t) => {
    await world.asOwner(
      `alter role ${world.service} in database ${databaseOf(world)} set temp_file_limit = '1MB'`,
    );
    await world.alone(() => migrate(world.owner, world.fleet, { reinstall: true }));
    const pool = await world.openPool();
    const error = await t.throwsAsync(
      withTenant(
        { ...world.tenantDatabase, poolOf: () => pool },
        { tenant: world.acme.id, readOnly: true },
        (tx) =>
          tx.any(raw('select n from generate_series(1, 300000) as n order by md5(n::text) offset 299999')),
      ),
    );
    t.regex(
      JSON.stringify([error?.message, String((error as { cause?: unknown })?.cause)]),
      /temporary file size exceeds .*temp_file_limit/,
    );
  },
);
