import test from 'ava';

import { assertMigrated } from '../../src/http/open-statuses.ts';
import { schemaVersionOf } from '../../src/tenancy/migrations/migrate-tenant.ts';
import { requiredMigrations } from '../../src/tenancy/migrations/migration-files.ts';
import type { TenantMigration } from '../../src/tenancy/migrations/tenant-migrations.ts';

const migration = (name: string, facts: Partial<TenantMigration> = {}): TenantMigration => ({
  name,
  app: name.split('_')[1] ?? '',
  on: ['tenant'],
  concurrent: false,
  up: () => {},
  down: null,
  ...facts,
});

const A1 = migration('20260101_a');
const LATE = migration('20260102_late');
const B1 = migration('20260103_b');
const INDEX = migration('20260104_b_index', { concurrent: true });

/** Whether a tenant with a migration history is served by code with these migrations. */
function isServed(history: readonly TenantMigration[], code: readonly TenantMigration[]): boolean {
  const version = schemaVersionOf(
    history.map(({ name }) => name),
    code,
  );
  try {
    assertMigrated(
      { migratedTo: version.migratedTo, transactionalApplied: version.transactionalApplied },
      requiredMigrations(code).tenant,
    );
    return true;
  } catch {
    return false;
  }
}

test('does not serve a tenant without a migration earlier than an applied one', (t) => {
  t.false(isServed([A1, B1], [A1, LATE, B1]));
  t.true(isServed([A1, B1, LATE], [A1, LATE, B1]));
  // Migrations outside a transaction do not compensate for it.
  t.false(isServed([A1, B1, INDEX], [A1, LATE, B1, INDEX]));
});

test('does not wait for migrations outside a transaction', (t) => {
  t.true(isServed([A1, B1], [A1, B1, INDEX]));
  t.true(isServed([A1, B1, INDEX], [A1, B1, INDEX]));
});

test('does not serve a tenant without the last migration, and serves one of a newer release', (t) => {
  t.false(isServed([A1], [A1, B1]));
  t.false(isServed([], [A1]));
  t.true(isServed([A1, LATE, B1], [A1]));
});

test('each kind of schema requires its own migrations', (t) => {
  const site = migration('20260105_site', { on: ['site'] });
  t.deepEqual(requiredMigrations([A1, INDEX, site]), {
    tenant: { last: A1.name, count: 1 },
    site: { last: site.name, count: 1 },
  });
  t.deepEqual(requiredMigrations([A1]).site, { last: '', count: 0 });
});
