import { ATTACK_TABLES } from '../../../src/attacks/context.ts';
import type { World } from '../../helpers/world.ts';
import { disableWall, rewrite, swap } from '../walls.ts';
import type { Switch } from './record.ts';

const ENTER = 'tenancy.enter(uuid, bigint, text)';
const PROTECT = `select tenancy.protect_schema('globex')`;

const ofTables = (text: (table: string) => string): string[] =>
  ATTACK_TABLES.map((table) => text(`globex.${table}`));

const policyOf = (clause: (world: World) => string) => (world: World) =>
  swap(
    world,
    ofTables(
      (table) => `drop policy same_tenant on ${table}; create policy other on ${table} ${clause(world)}`,
    ),
    [...ofTables((table) => `drop policy other on ${table}`), PROTECT],
  );

/** Switches of the walls between a statement and the rows of other tenants. */
export const rows: readonly Switch[] = [
  { id: 'policy-dropped', name: 'the policies are dropped', wall: 'policy', disable: disableWall.policy },
  {
    id: 'policy-off',
    name: 'row-level security is disabled',
    wall: 'policy',
    disable: (world) =>
      swap(
        world,
        ofTables((table) => `alter table ${table} disable row level security`),
        [PROTECT],
      ),
  },
  {
    id: 'force-off',
    name: 'row-level security is not forced on the owner',
    wall: 'policy',
    disable: (world) =>
      swap(
        world,
        ofTables((table) => `alter table ${table} no force row level security`),
        [PROTECT],
      ),
  },
  {
    id: 'policy-second',
    name: 'a second policy is always true',
    wall: 'policy',
    disable: (world) =>
      swap(
        world,
        ofTables((table) => `create policy wide on ${table} using (true)`),
        ofTables((table) => `drop policy wide on ${table}`),
      ),
  },
  {
    id: 'policy-to-role',
    name: "the policy is TO the tenant's role, without a condition",
    wall: 'policy',
    disable: policyOf(({ globex }) => `to ${globex.role} using (true)`),
  },
  {
    id: 'policy-current-user',
    name: 'the policy compares current_user',
    wall: 'policy',
    disable: policyOf(({ globex }) => `using (current_user = '${globex.role}')`),
  },
  {
    id: 'role-granted',
    name: 'the other tenant is granted the tables',
    wall: 'role',
    disable: disableWall.role,
  },
  {
    id: 'role-public',
    name: 'PUBLIC is granted the tables',
    wall: 'role',
    disable: (world) =>
      swap(
        world,
        [
          'grant usage on schema globex to public',
          'grant select, insert, update, delete on all tables in schema globex to public',
        ],
        ['revoke all on all tables in schema globex from public', 'revoke all on schema globex from public'],
      ),
  },
  {
    id: 'role-member',
    name: "a tenant's role is a member of the other's",
    wall: 'role',
    disable: (world) =>
      swap(
        world,
        [`grant ${world.globex.role} to ${world.acme.role}`],
        [`revoke ${world.globex.role} from ${world.acme.role}`],
      ),
  },
  {
    id: 'path-wrong',
    name: "the path is the other tenant's schema",
    wall: 'path',
    disable: disableWall.path,
  },
  {
    id: 'path-public',
    name: 'public is on the path',
    wall: 'path',
    disable: (world) => rewrite(world, ENTER, `|| ', extensions, pg_temp'`, `|| ', public, pg_temp'`),
  },
  {
    id: 'path-former',
    name: "the path is the tenant's former schema",
    wall: 'path',
    disable: (world) =>
      rewrite(
        world,
        ENTER,
        'quote_ident(t.schema_name)',
        `case p_tenant when '${world.acme.id}' then 'acme' else 'globex' end`,
      ),
  },
];
