import type { World } from '../../helpers/world.ts';
import { disableWall, rewrite, swap, type Undo } from '../walls.ts';
import type { Switch } from './record.ts';

const ENTER = 'tenancy.enter(uuid, bigint, text)';
const CURRENT = 'tenancy.current_tenant()';

const both = async (...changes: ReadonlyArray<Promise<Undo>>): Promise<Undo> => {
  const undo = await Promise.all(changes);
  return async () => {
    for (const build of undo.reverse()) {
      await build();
    }
  };
};

const returnsActive = (world: World): Promise<Undo> =>
  rewrite(world, ENTER, 'return next;', `status := 'active'; return next;`);

/** Switches of the walls that assign a transaction to a tenant. */
export const entrySwitches: readonly Switch[] = [
  {
    id: 'context-unverified',
    name: 'the context is accepted without verification',
    wall: 'context',
    disable: disableWall.context,
  },
  {
    id: 'proof-unchecked',
    name: 'the MAC of the proof is not checked',
    wall: 'proof',
    disable: (world) =>
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
    disable: (world) =>
      rewrite(world, ENTER, /= (split_part\(p_proof, '\.', 2\)\s*\)) is not true/, 'is distinct from $1'),
  },
  {
    id: 'proof-unknown-key',
    name: 'a missing key is accepted',
    wall: 'proof',
    disable: (world) =>
      rewrite(world, ENTER, /(= split_part\(p_proof, '\.', 2\)\s*\)) is not true/, '$1 is false'),
  },
  {
    id: 'proof-unbound',
    name: 'the proof of one tenant is valid for every tenant',
    wall: 'proof',
    disable: (world) =>
      rewrite(
        world,
        ENTER,
        `v_mac = split_part(p_proof, '.', 2)`,
        `exists (
           select from public.tenants as t
           where split_part(p_proof, '.', 2) = encode(
             tenancy.mac('proof', split_part(p_proof, '.', 1), 'enter|' || t.id || '|' || p_expires), 'hex'
           )
         )`,
      ),
  },
  {
    id: 'expiry-unchecked',
    name: 'the expiry is not checked',
    wall: 'expiry',
    disable: (world) =>
      rewrite(
        world,
        ENTER,
        /(\(p_expires - [^;]* between 0 and 120\)) is not true/,
        '$1 is not true and false',
      ),
  },
  {
    id: 'once-unchecked',
    name: 'a transaction may enter a second tenant',
    wall: 'once',
    disable: (world) =>
      world.contextMode === 'guarded'
        ? rewrite(world, 'tenancy.set_context(text)', `= ANY (ARRAY[''::text, p_role])`, 'is not null')
        : rewrite(world, 'tenancy.set_context(text)', '= p_role) is not true', 'is null)'),
  },
  {
    id: 'owner-entry-granted',
    name: "the service may use the owners' entry functions",
    wall: 'owner-entry',
    disable: async (world) =>
      both(
        swap(
          world,
          [`grant execute on function tenancy.enter_owner(text) to ${world.service}`],
          [`revoke execute on function tenancy.enter_owner(text) from ${world.service}`],
        ),
        swap(
          world,
          [
            `grant execute on function tenancy.set_context(text) to ${world.service}`,
            'alter function tenancy.set_context(text) security definer',
          ],
          [
            `revoke execute on function tenancy.set_context(text) from ${world.service}`,
            'alter function tenancy.set_context(text) security invoker',
          ],
        ),
      ),
  },
  {
    id: 'lane-unchecked',
    name: 'every tenant gets the login of the first lane',
    wall: 'lane',
    disable: (world) =>
      rewrite(
        world,
        'tenancy.login_of(uuid, integer)',
        /where l\.lane = coalesce\([\s\S]*$/,
        'where l.lane = 0\n$function$',
      ),
  },
  {
    id: 'status-unchecked',
    name: 'the status of a tenant is not checked',
    wall: 'status',
    disable: async (world) => {
      const restoreStatus = await returnsActive(world);
      const open = await rewrite(world, ENTER, /status (not )?in \([^)]*\)/g, 'true');
      return async () => {
        await open();
        await restoreStatus();
      };
    },
  },
  {
    id: 'status-not-returned',
    name: 'every tenant is returned as active and paid',
    wall: 'status',
    disable: returnsActive,
  },
  {
    id: 'seed-not-reset',
    name: 'the random generator is not seeded',
    wall: 'reseed',
    disable: (world) => rewrite(world, ENTER, /or setseed\([^;]*? is null(?= then)/, ''),
  },
  {
    id: 'context-for-session',
    name: 'the context outlives its transaction',
    wall: 'local-context',
    disable: async (world) =>
      both(
        rewrite(world, 'tenancy.set_context(text)', /, true\)(?= ELSE|;\s*end)/, ', false)'),
        ...(world.contextMode === 'signed'
          ? [rewrite(world, CURRENT, /and v_part\[3\] = extract\([^)]*\(\)\)::text/, '')]
          : []),
      ),
  },
];
