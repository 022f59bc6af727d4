import { type MigrateOptions, MigrationStopped, migrate } from '../../../src/tenancy/fleet/migrate.ts';
import {
  loadTenantMigrations,
  type TenantMigration,
} from '../../../src/tenancy/migrations/tenant-migrations.ts';
import { fixtureProject } from '../../fixture-app/project.ts';
import { openWorld, type World } from '../../helpers/world.ts';

/** Creates a migration of a later release. Its time is after all others, in the order of `number`. */
export const migration = (
  number: number,
  up: string,
  { down, concurrent = false, site = false }: { down?: string; concurrent?: boolean; site?: boolean } = {},
): TenantMigration => {
  const run =
    (text: string): TenantMigration['up'] =>
    (pgm) => {
      if (concurrent) {
        pgm.noTransaction();
      }
      pgm.sql(text);
    };
  return {
    app: site ? 'both' : 'later',
    name: `2999010100000${number}000_${site ? 'both' : 'later'}`,
    on: site ? ['tenant', 'site'] : ['tenant'],
    concurrent,
    up: run(up),
    down: down === undefined ? null : run(down),
  };
};

export const colour = migration(1, 'alter table notes add column colour text', {
  down: 'alter table notes drop column colour',
});
export const weight = migration(2, 'alter table notes add column weight integer', {
  down: 'alter table notes drop column weight',
});

/** The tenants of `openFleet`. */
export const FLEET = ['acme', 'globex', 'hooli', 'initech'];

/** A world whose tenants are those of `FLEET`. */
export type FleetWorld = Readonly<{
  world: World;
  /** Migrates all tenants. */
  run: (migrations: readonly TenantMigration[], options?: MigrateOptions) => ReturnType<typeof migrate>;
  /** As `run`, and returns the error of a run that fails. */
  stopped: (migrations: readonly TenantMigration[], options?: MigrateOptions) => Promise<MigrationStopped>;
}>;

export async function openFleet(): Promise<FleetWorld> {
  const world = await openWorld();
  for (const schema of FLEET.slice(2)) {
    await world.provision(schema);
  }
  const run: FleetWorld['run'] = (migrations, options) =>
    migrate(world.owner, world.fleet, { migrations, ...options });
  return { world, run, stopped: (...asked) => catchMigrationStopped(run(...asked)) };
}

/** Returns the error of a run that stops, with its report. @throws if the run succeeds. */
async function catchMigrationStopped(running: Promise<unknown>): Promise<MigrationStopped> {
  try {
    await running;
  } catch (error) {
    if (error instanceof MigrationStopped) {
      return error;
    }
    throw error;
  }
  throw new Error('The run succeeded.');
}

/** Returns the migrations of a later release: those of the code, and `more`. */
export const laterRelease = async (
  ...more: readonly TenantMigration[]
): Promise<readonly TenantMigration[]> => [...(await loadTenantMigrations(fixtureProject)), ...more];

type TenantVersion = Readonly<{ schema: string; migrated_to: string | null; concurrent_to: string | null }>;

/** Returns the registry's version of every tenant except the site. */
export const readVersions = (world: World): Promise<TenantVersion[]> =>
  world.asOwner(
    `select t.schema_name as schema, t.migrated_to, t.concurrent_to
     from public.tenants as t
     where t.type <> 'site'
     order by t.schema_name`,
  );

/** Returns the schemas whose table notes has a column. */
export const schemasWithColumn = async (world: World, column: string): Promise<string[]> =>
  (
    await world.asOwner<{ schema: string }>(
      `select table_schema as schema
       from information_schema.columns
       where table_name = 'notes'
         and column_name = $1
       order by 1`,
      [column],
    )
  ).map(({ schema }) => schema);

/** Undoes migrations that are not in the code, for the next test. */
export async function undoMigrations(world: World, migrations: readonly TenantMigration[]): Promise<void> {
  const own = await loadTenantMigrations(world.fleet.project);
  await migrate(world.owner, world.fleet, { migrations, to: own.at(-1)?.name ?? 'zero' });
}
