import type { World } from '../../helpers/world.ts';
import { rewrite, sabotage, swap, type Undo } from '../walls.ts';
import type { Switch } from './record.ts';

const ENTER = 'tenancy.enter(uuid, bigint, text)';
const CURRENT = 'tenancy.current_tenant()';
const PROTECT = `select tenancy.protect_schema('globex')`;

const both = async (...downs: ReadonlyArray<Promise<Undo>>): Promise<Undo> => {
  const undo = await Promise.all(downs);
  return async () => {
    for (const build of undo.reverse()) {
      await build();
    }
  };
};

const ofTables = (text: (table: string) => string): string[] =>
  ['projects', 'users', 'tally'].map((table) => text(`globex.${table}`));

const policyOf = (clause: (world: World) => string) => (world: World) =>
  swap(
    world,
    ofTables(
      (table) => `drop policy same_tenant on ${table}; create policy other on ${table} ${clause(world)}`,
    ),
    [...ofTables((table) => `drop policy other on ${table}`), PROTECT],
  );

/** As a careless hand would write it, in SQL. The first of a wall is the whole of it. */
export const inDatabase: readonly Switch[] = [
  { id: 'policy-dropped', name: 'the policies are dropped', wall: 'policy', down: sabotage.policy },
  {
    id: 'policy-off',
    name: 'row-level security is disabled',
    wall: 'policy',
    down: (world) =>
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
    down: (world) =>
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
    down: (world) =>
      swap(
        world,
        ofTables((table) => `create policy wide on ${table} using (true)`),
        ofTables((table) => `drop policy wide on ${table}`),
      ),
  },
  {
    id: 'policy-to-role',
    name: "the policy is written TO the tenant's role, and asks nothing",
    wall: 'policy',
    down: policyOf(({ globex }) => `to ${globex.role} using (true)`),
  },
  {
    id: 'policy-current-user',
    name: 'the policy asks current_user',
    wall: 'policy',
    down: policyOf(({ globex }) => `using (current_user = '${globex.role}')`),
  },
  { id: 'role-granted', name: 'the neighbour is granted the tables', wall: 'role', down: sabotage.role },
  {
    id: 'role-public',
    name: 'everybody is granted the tables',
    wall: 'role',
    down: (world) =>
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
    down: (world) =>
      swap(
        world,
        [`grant ${world.globex.role} to ${world.acme.role}`],
        [`revoke ${world.globex.role} from ${world.acme.role}`],
      ),
  },
  { id: 'path-wrong', name: "the path names the neighbour's schema", wall: 'path', down: sabotage.path },
  {
    id: 'path-public',
    name: 'public is on the path',
    wall: 'path',
    down: (world) => rewrite(world, ENTER, `|| ', pg_temp'`, `|| ', public, pg_temp'`),
  },
  {
    id: 'context-believed',
    name: "anybody's word is taken for who is inside",
    wall: 'context',
    down: sabotage.context,
  },
  { id: 'hardening-off', name: 'the hardening is not applied', wall: 'hardening', down: sabotage.hardening },
  {
    id: 'hardening-statistics',
    name: 'the statistics functions are left open',
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
    name: 'everybody may write in plpgsql',
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
    id: 'proof-unchecked',
    name: 'the MAC of the proof is not checked',
    wall: 'proof',
    down: (world) =>
      rewrite(
        world,
        ENTER,
        /(= split_part\(p_proof, '\.', 2\)\s*\)) is not true/,
        '$1 is not true and false',
      ),
  },
  {
    id: 'proof-distinct',
    name: '"is not true" became "is distinct from"',
    wall: 'proof',
    down: (world) =>
      rewrite(world, ENTER, /= (split_part\(p_proof, '\.', 2\)\s*\)) is not true/, 'is distinct from $1'),
  },
  {
    id: 'proof-unknown-key',
    name: 'a key that is not there counts as right',
    wall: 'proof',
    down: (world) =>
      rewrite(world, ENTER, /(= split_part\(p_proof, '\.', 2\)\s*\)) is not true/, '$1 is false'),
  },
  {
    id: 'proof-unbound',
    name: 'the proof of any tenant is good for every tenant',
    wall: 'proof',
    down: (world) =>
      rewrite(
        world,
        ENTER,
        /encode\(\s*(tenancy\.mac\('proof', split_part\(p_proof, '\.', 1\), 'enter\|' \|\| )p_tenant( \|\| '\|' \|\| p_expires\)),\s*'hex'\s*\) = split_part\(p_proof, '\.', 2\)/,
        `exists (select from public.tenants as any_tenant
           where encode($1any_tenant.id$2, 'hex') = split_part(p_proof, '.', 2))`,
      ),
  },
  {
    id: 'expiry-unchecked',
    name: 'the expiry is not checked',
    wall: 'expiry',
    down: (world) =>
      rewrite(world, ENTER, /(\(p_expires between [^)]*\)) is not true/, '$1 is not true and false'),
  },
  {
    id: 'once-unchecked',
    name: 'a transaction may enter a second tenant',
    wall: 'once',
    down: (world) =>
      world.carrier === 'guarded'
        ? rewrite(world, 'tenancy.carry(text)', `in ('', p_role)) is not true`, 'is null)')
        : rewrite(world, 'tenancy.carry(text)', '= p_role) is not true', 'is null)'),
  },
  {
    id: 'doors-open',
    name: 'the service may use the doors of the owners',
    wall: 'doors',
    down: async (world) =>
      both(
        swap(
          world,
          [`grant execute on function tenancy.enter_owner(text) to ${world.service}`],
          [`revoke execute on function tenancy.enter_owner(text) from ${world.service}`],
        ),
        swap(
          world,
          [
            `grant execute on function tenancy.carry(text) to ${world.service}`,
            'alter function tenancy.carry(text) security definer',
          ],
          [
            `revoke execute on function tenancy.carry(text) from ${world.service}`,
            'alter function tenancy.carry(text) security invoker',
          ],
        ),
      ),
  },
  {
    id: 'status-unchecked',
    name: 'the status of a tenant is not asked',
    wall: 'status',
    down: (world) => rewrite(world, ENTER, /v_tenant\.status (not )?in \([^)]*\)/g, 'true'),
  },
  {
    id: 'context-for-session',
    name: 'the context outlives its transaction',
    wall: 'local-context',
    down: async (world) =>
      both(
        rewrite(world, 'tenancy.carry(text)', /, true\)(?=;\s*end)/, ', false)'),
        ...(world.carrier === 'signed'
          ? [rewrite(world, CURRENT, /and v_part\[3\] = extract\([^)]*\(\)\)::text/, '')]
          : []),
      ),
  },
  {
    id: 'temp-allowed',
    name: 'everybody may make temporary tables',
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
    down: (world) => rewrite(world, ENTER, `|| ', pg_temp'`, `|| ''`),
  },
];
