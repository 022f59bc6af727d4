import { ATTACK_TABLES } from '../../src/attacks/context.ts';
import { readSqlFile } from '../../src/db/sql/sql-file.ts';
import type { World } from '../helpers/world.ts';

/** Enables a wall again. */
export type Undo = () => Promise<void>;

/** Runs statements as the superuser, in one transaction. */
const run = async ({ asOwner }: World, texts: readonly string[]): Promise<void> => {
  await asOwner(texts.join(';\n'));
};

/** Disables a wall with statements, and returns a function that enables it with others. */
export const swap = async (world: World, down: readonly string[], up: readonly string[]): Promise<Undo> => {
  await run(world, down);
  return () => run(world, up);
};

/** Changes the text of a function of the database. Throws when there is nothing to change. */
export async function rewrite(
  world: World,
  signature: string,
  from: string | RegExp,
  to: string,
): Promise<Undo> {
  const [row] = await world.asOwner<{ text: string }>('select pg_get_functiondef($1::regprocedure) as text', [
    signature,
  ]);
  const text = row?.text ?? '';
  const changed = text.replace(from, to);
  if (changed === text) {
    throw new TypeError(`${signature} does not contain ${from}: nothing would change.`);
  }
  return swap(world, [changed], [text]);
}

/** Each wall, and how it is disabled. The wall `statement` is in the driver, not in the database. */
export const disableWall = {
  policy: (world: World) =>
    swap(
      world,
      ATTACK_TABLES.flatMap((table) => [
        `drop policy same_tenant on globex.${table}`,
        `alter table globex.${table} disable row level security`,
      ]),
      [`select tenancy.protect_schema('globex')`],
    ),

  role: (world: World) =>
    swap(
      world,
      [
        `grant usage on schema globex to ${world.acme.role}`,
        `grant select, insert, update, delete on all tables in schema globex to ${world.acme.role}`,
        `grant all on all sequences in schema globex to ${world.acme.role}`,
      ],
      [
        `revoke all on all sequences in schema globex from ${world.acme.role}`,
        `revoke all on all tables in schema globex from ${world.acme.role}`,
        `revoke all on schema globex from ${world.acme.role}`,
      ],
    ),

  path: (world: World) =>
    rewrite(
      world,
      'tenancy.enter(uuid, bigint, text)',
      `quote_ident(t.schema_name) || ', extensions, pg_temp'`,
      `'globex, pg_temp'`,
    ),

  /** Grants everything again that hardening.sql revokes. */
  hardening: async (world: World) => {
    const text = await readSqlFile('shared/hardening.sql', { service: world.service });
    const given = text
      .replaceAll(/revoke (execute|usage|select) on\s([^;]*?)\s+from public/g, 'grant $1 on $2 to public')
      // hardening.sql revokes what PUBLIC has. Here PUBLIC has none of it.
      .replace('      and a.grantee = 0\n', '')
      .replace('revoke all on schema public from public', 'grant usage on schema public to public');
    return swap(world, [given], [text]);
  },

  /** The context is a setting that every role can change. */
  context: (world: World) =>
    world.contextMode === 'guarded'
      ? // The parameter is the cluster's.
        world.alone(async () => {
          const undo = await swap(
            world,
            [`grant set on parameter backtrace_functions to ${world.service}`],
            [`revoke set on parameter backtrace_functions from ${world.service}`],
          );
          return () => world.alone(undo);
        })
      : rewrite(world, 'tenancy.current_tenant()', /and v_part\[4\] = encode\([^;]*?'hex'\s*\)/, ''),

  registry: (world: World) =>
    swap(
      world,
      [
        `grant usage on schema public to ${world.acme.role}`,
        `grant select, update on public.tenants, public.domains, tenancy.keys to ${world.acme.role}`,
        `grant all on tenancy.operations, tenancy.audit_events to ${world.acme.role}`,
        // The default of the column id.
        `grant execute on function tenancy.new_event_id() to ${world.acme.role}`,
      ],
      [
        `revoke execute on function tenancy.new_event_id() from ${world.acme.role}`,
        `revoke all on tenancy.operations, tenancy.audit_events from ${world.acme.role}`,
        `revoke all on public.tenants, public.domains, tenancy.keys from ${world.acme.role}`,
        `revoke all on schema public from ${world.acme.role}`,
      ],
    ),
} satisfies Record<string, (world: World) => Promise<Undo>>;
