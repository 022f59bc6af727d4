import { rewrite, sabotage, swap } from '../walls.ts';
import type { Switch } from './record.ts';

const ENTER = 'tenancy.enter(uuid, bigint, text)';

/** What nobody may do, whoever is inside. */
export const rights: readonly Switch[] = [
  { id: 'hardening-off', name: 'the hardening is not applied', wall: 'hardening', down: sabotage.hardening },
  {
    id: 'hardening-statistics',
    name: 'the statistics functions are not revoked',
    wall: 'hardening',
    down: (world) =>
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
    down: (world) =>
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
    down: sabotage.registry,
  },
  {
    id: 'privileges-granted',
    name: "a tenant may truncate another's tables",
    wall: 'privileges',
    down: (world) =>
      swap(
        world,
        [
          `grant usage on schema globex to ${world.acme.role}`,
          `grant truncate on all tables in schema globex to ${world.acme.role}`,
        ],
        [
          `revoke truncate on all tables in schema globex from ${world.acme.role}`,
          `revoke usage on schema globex from ${world.acme.role}`,
        ],
      ),
  },
  {
    id: 'login-superuser',
    name: "the service's login is a superuser",
    wall: 'login',
    down: (world) =>
      swap(world, [`alter role ${world.service} superuser`], [`alter role ${world.service} nosuperuser`]),
  },
  {
    id: 'temp-allowed',
    name: 'PUBLIC may create temporary tables',
    wall: 'no-temp',
    down: (world) => {
      const database = new URL(world.ownerUrl).pathname.slice(1);
      return swap(
        world,
        [`grant temporary on database ${database} to public`],
        [`revoke temporary on database ${database} from public`],
      );
    },
  },
  {
    id: 'temp-first',
    name: 'pg_temp is searched first',
    wall: 'temp-last',
    down: (world) => rewrite(world, ENTER, `|| ', extensions, pg_temp'`, `|| ''`),
  },
];
