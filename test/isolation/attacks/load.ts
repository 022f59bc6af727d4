import { sql } from 'slonik';
import { type AttackTenant, createAttackTables } from '../../../src/attacks/context.ts';
import { seen } from '../../../src/attacks/evaluate.ts';
import { withTenant } from '../../../src/tenancy/context/with-tenant.ts';
import { provisionTenant } from '../../../src/tenancy/lifecycle/provision.ts';
import { parseSchemaName, roleOf } from '../../../src/tenancy/registry/tenant.ts';
import type { World } from '../../helpers/world.ts';
import { CANARY, raw } from '../attack.ts';
import { openTappedPool } from '../tapped-pool.ts';
import type { Category } from './attack.ts';

/** Five for each connection, so that a connection always serves another tenant than before. */
const TENANTS = 20;
const TURNS = 1000;

const CURRENT_CONTEXT = raw(`
  select tenancy.current_tenant() as tenant, current_user::text as role,
         (select array_agg(p.name) from attack_notes as p) as names`);

const membersByWorld = new WeakMap<World, Promise<readonly AttackTenant[]>>();

/** Creates a tenant with the tables of the attack suite only: those of the apps cost most of the time. */
async function createMember(world: World, name: string): Promise<AttackTenant> {
  const schema = parseSchemaName(name);
  const withoutApps = { service: world.fleet.service, project: { apps: [], extensions: [] } };
  const id = await provisionTenant(world.owner, withoutApps, { schema, name, domains: [] });
  const member = { id, schema, role: roleOf(id) };
  await createAttackTables(world, [member]);
  await world.asOwner(`insert into ${schema}.attack_notes (name) values ('of ${schema}.')`);
  return member;
}

/** Returns twenty tenants, each with a row that names its tenant. */
function membersOf(world: World): Promise<readonly AttackTenant[]> {
  const made =
    membersByWorld.get(world) ??
    (async () => {
      const members: AttackTenant[] = [];
      for (let n = 1; n <= TENANTS; n += 1) {
        members.push(await createMember(world, `member_${n}`));
      }
      return members;
    })();
  membersByWorld.set(world, made);
  return made;
}

export const load: Category = {
  title: 'Under load, with faults',
  attacks: [
    {
      id: 'load',
      name: `of ${TURNS} transactions of ${TENANTS} tenants over 4 connections, with errors, cancellations and killed backends, every response belongs to its own tenant`,
      controls: 'several statements',
      walls: ['path', 'role', 'policy'],
      leak: 'row',
      victimWrites: true,
      action: async ({ world, replacements }) => {
        const members = [world.acme, ...(await membersOf(world))];
        const { pool } = await openTappedPool(world, { maxPoolSize: 4, rewrite: replacements.rewrite });
        const tenantDatabase = { ...world.tenantDatabase, poolOf: () => pool };
        const foreign: string[] = [];
        const check = (member: AttackTenant, row: unknown): void => {
          const { tenant, role, names } = row as { tenant: string; role: string; names: string[] | null };
          const own = (name: string): boolean =>
            member === world.acme ? !name.includes(CANARY) : name.startsWith(`of ${member.schema}.`);
          if (tenant !== member.role || role !== member.role || !(names ?? []).every(own)) {
            foreign.push(seen(`${member.schema} received ${JSON.stringify(row).slice(0, 120)}`));
          }
        };
        const kill = (): Promise<unknown> =>
          world.asOwner(
            `select pg_terminate_backend(pid) from pg_stat_activity
             where usename = $1 and application_name like 'tapped%' order by random() limit 1`,
            [world.service],
          );
        const cancel = (): Promise<unknown> =>
          world.asOwner(
            `select pg_cancel_backend(pid) from pg_stat_activity
             where usename = $1 and application_name like 'tapped%' and state = 'active' limit 1`,
            [world.service],
          );
        const turn = async (n: number): Promise<void> => {
          const member = members[n % members.length] ?? world.acme;
          await withTenant(tenantDatabase, { tenant: member.id, readOnly: n % 5 !== 1 }, async (tx) => {
            if (n % 5 === 1 && member !== world.acme) {
              await tx.query(
                sql.unsafe`insert into attack_notes (name) values (${`of ${member.schema}. ${n}`})`,
              );
            } else if (n % 5 === 2) {
              await tx.transaction((inner) => inner.query(raw('select 1 / 0'))).catch(() => {});
            } else if (n % 5 === 3) {
              check(member, await tx.one(CURRENT_CONTEXT));
              throw new Error('on purpose');
            }
            check(member, await tx.one(CURRENT_CONTEXT));
          }).catch(() => {});
          if (n % 100 === 50) {
            await kill();
          } else if (n % 40 === 20) {
            await cancel();
          }
        };
        try {
          // In waves of 50, so that the queue of the pool does not have a thousand entries.
          for (let from = 0; from < TURNS; from += 50) {
            await Promise.all(Array.from({ length: 50 }, (_, index) => turn(from + index)));
          }
        } finally {
          await pool.end();
        }
        for (const { schema } of members.slice(1)) {
          const rows = await world.asOwner(
            `select name from ${schema}.attack_notes where name not like 'of ${schema}.%'`,
          );
          foreign.push(...rows.map(({ name }) => seen(`${schema} holds ${name}`)));
        }
        return foreign;
      },
    },
  ],
};
