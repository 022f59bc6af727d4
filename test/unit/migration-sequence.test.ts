import test from 'ava';

import { sequenceOf } from '../../src/tenancy/migrations/migration-sequence.ts';
import type { TenantMigration } from '../../src/tenancy/migrations/tenant-migrations.ts';

const migration = (name: string): TenantMigration => ({
  name,
  app: name.slice(2),
  on: ['tenant'],
  concurrent: false,
  up: () => {},
  down: null,
});

const migrations = ['1_users', '2_notes', '3_users', '4_notes'].map(migration);

test('applies a migration that is earlier than an applied migration of another app', (t) => {
  const { direction, steps } = sequenceOf(migrations, ['1_users', '2_notes', '4_notes']);
  t.is(direction, 'up');
  t.deepEqual(
    steps.map(({ name }) => name),
    ['3_users'],
  );
});

test('rejects a migration that is earlier than an applied migration of its app', (t) => {
  t.throws(() => sequenceOf(migrations, ['1_users', '4_notes']), {
    code: 'precondition_failed',
    message: /^2_notes has an earlier time than 4_notes, which was already applied/,
  });
});
