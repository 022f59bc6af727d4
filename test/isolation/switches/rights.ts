import { readSqlFile } from '../../../src/db/sql/sql-file.ts';
import type { World } from '../../helpers/world.ts';
import { disableWall, rewrite, swap } from '../walls.ts';
import type { Switch } from './record.ts';

const ENTER = 'tenancy.enter(uuid, bigint, text)';

const databaseOf = ({ ownerUrl }: World): string => new URL(ownerUrl).pathname.slice(1);

/** Grants a right on the global table to PUBLIC. */
const globalTableGranted =
  (right: string, sequence = false) =>
  (world: World) => {
    const table = `global.${world.globalTable}`;
    return swap(
      world,
      [
        `grant ${right} on ${table} to public`,
        ...(sequence ? [`grant all on sequence ${table}_id_seq to public`] : []),
      ],
      [
        `revoke all on sequence ${table}_id_seq from public`,
        `select tenancy.protect_global_table('${table}'::regclass)`,
      ],
    );
  };

/** Switches of the rights that no role may have, in any tenant. */
export const rights: readonly Switch[] = [
  {
    id: 'hardening-off',
    name: 'the hardening is not applied',
    wall: 'hardening',
    disable: disableWall.hardening,
  },
  {
    id: 'hardening-statistics',
    name: 'the statistics functions are not revoked',
    wall: 'hardening',
    disable: (world) =>
      swap(
        world,
        ['grant execute on function pg_catalog.pg_stat_get_live_tuples(oid) to public'],
        ['revoke execute on function pg_catalog.pg_stat_get_live_tuples(oid) from public'],
      ),
  },
  {
    id: 'hardening-languages',
    name: 'PUBLIC may use plpgsql',
    wall: 'hardening',
    disable: (world) =>
      swap(
        world,
        ['grant usage on language plpgsql to public'],
        ['revoke usage on language plpgsql from public'],
      ),
  },
  {
    id: 'registry-granted',
    name: 'a tenant has a privilege on shared tables',
    wall: 'registry',
    disable: disableWall.registry,
  },
  {
    id: 'privileges-granted',
    name: "a tenant may truncate another's tables, and create objects that all tenants see",
    wall: 'privileges',
    disable: (world) =>
      swap(
        world,
        [
          `grant usage on schema globex to ${world.acme.role}`,
          `grant truncate on all tables in schema globex to ${world.acme.role}`,
          `grant create on schema extensions, global to ${world.acme.role}`,
          `grant create on database ${databaseOf(world)} to ${world.acme.role}`,
        ],
        [
          `revoke create on database ${databaseOf(world)} from ${world.acme.role}`,
          `revoke create on schema extensions, global from ${world.acme.role}`,
          `revoke truncate on all tables in schema globex from ${world.acme.role}`,
          `revoke usage on schema globex from ${world.acme.role}`,
        ],
      ),
  },
  {
    id: 'create-on-path',
    name: 'everybody may create objects in the schema extensions',
    wall: 'privileges',
    disable: (world) =>
      swap(
        world,
        ['grant create on schema extensions to public'],
        ['revoke create on schema extensions from public'],
      ),
  },
  {
    id: 'create-global',
    name: 'everybody may create objects in the schema global',
    wall: 'privileges',
    disable: (world) =>
      swap(
        world,
        ['grant create on schema global to public'],
        ['revoke create on schema global from public'],
      ),
  },
  {
    id: 'create-in-database',
    name: 'everybody may create schemas and trusted extensions',
    wall: 'privileges',
    disable: (world) =>
      swap(
        world,
        [`grant create on database ${databaseOf(world)} to public`],
        [`revoke create on database ${databaseOf(world)} from public`],
      ),
  },
  {
    id: 'global-granted',
    name: 'everybody has all rights on global tables',
    wall: 'global',
    disable: globalTableGranted('all', true),
  },
  {
    id: 'global-select-table',
    name: 'SELECT on global tables is granted by table',
    wall: 'global',
    disable: globalTableGranted('select'),
  },
  {
    id: 'global-written',
    name: 'everybody may write global tables',
    wall: 'global',
    disable: globalTableGranted('insert, update, delete'),
  },
  {
    id: 'extension-functions',
    name: 'the functions of extensions are not revoked',
    wall: 'extensions',
    disable: async (world) => {
      const text = await readSqlFile('shared/extensions.sql');
      const granted = text
        .replace('revoke execute on function %s from public', 'grant execute on function %s to public')
        // hardening.sql revokes what PUBLIC has. Here PUBLIC has none of it.
        .replace('where a.grantee = 0\n      and exists', 'where exists');
      return swap(world, [granted], [text]);
    },
  },
  {
    id: 'extension-set-limit-open',
    name: 'set_limit of pg_trgm is not revoked',
    wall: 'extensions',
    disable: (world) =>
      swap(
        world,
        ['grant execute on function extensions.set_limit(real) to public'],
        ['revoke execute on function extensions.set_limit(real) from public'],
      ),
  },
  {
    id: 'login-superuser',
    name: "the service's login is a superuser",
    wall: 'login',
    disable: (world) =>
      swap(world, [`alter role ${world.service} superuser`], [`alter role ${world.service} nosuperuser`]),
  },
  {
    id: 'temp-allowed',
    name: 'PUBLIC may create temporary tables',
    wall: 'no-temp',
    disable: (world) =>
      swap(
        world,
        [`grant temporary on database ${databaseOf(world)} to public`],
        [`revoke temporary on database ${databaseOf(world)} from public`],
      ),
  },
  {
    id: 'temp-first',
    name: 'pg_temp is searched first',
    wall: 'temp-last',
    disable: (world) => rewrite(world, ENTER, `|| ', extensions, pg_temp'`, `|| ''`),
  },
];
